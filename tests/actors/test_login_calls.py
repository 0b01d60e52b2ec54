"""A login goes by the methods that count its codes, and never as any request."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import functions, types

from telewarden import Warden, safe_session
from telewarden.errors import LoginCallError
from telewarden.telegram import method_name

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

auth, invoke = functions.auth, functions
SEND = auth.SendCodeRequest(ALICE, 1, "hash", types.CodeSettings())


class OwnSendCode(auth.SendCodeRequest):  # type: ignore[misc]  # Telethon ships no types
    """An app's own class of it."""


STEPS: list[tuple[Any, str, str]] = [
    (SEND, "auth.sendCode", 'login("start")'),
    (auth.ResendCodeRequest(ALICE, "hash"), "auth.resendCode", "resend_code()"),
    (auth.SignInRequest(ALICE, "hash", "12345"), "auth.signIn", 'login("code", ...)'),
    (
        auth.CheckPasswordRequest(types.InputCheckPasswordEmpty()),
        "auth.checkPassword",
        'login("password", ...)',
    ),
    (auth.ExportLoginTokenRequest(1, "hash", []), "auth.exportLoginToken", "login_qr()"),
    (auth.ImportLoginTokenRequest(b"token"), "auth.importLoginToken", "wait_qr()"),
    (invoke.InvokeWithLayerRequest(200, SEND), "auth.sendCode", 'login("start")'),
    (
        invoke.InvokeWithoutUpdatesRequest(invoke.InvokeAfterMsgRequest(1, SEND)),
        "auth.sendCode",
        'login("start")',
    ),
    ([functions.help.GetNearestDcRequest(), SEND], "auth.sendCode", 'login("start")'),
    (
        OwnSendCode(ALICE, 1, "hash", types.CodeSettings()),
        "auth.sendCode",
        'login("start")',
    ),
]


def calls(newsroom: Newsroom) -> int:
    return sum(
        count
        for method, count in newsroom.telegram.stats.calls.items()
        if method.startswith(("auth.", "invoke"))
    )


async def test_a_step_of_a_login_is_refused_with_the_way_to_take_and_without_a_packet(
    newsroom: Newsroom,
) -> None:
    warden: Warden = await newsroom.start()
    alice, before = warden.session("alice"), calls(newsroom)

    for request, method, way in STEPS:
        with pytest.raises(LoginCallError) as refused:
            await alice.call(request)
        assert method in str(refused.value)
        assert way in str(refused.value)

    assert calls(newsroom) == before
    await alice.call(functions.help.GetNearestDcRequest())


async def test_a_safe_session_refuses_it_too(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    before = calls(newsroom)

    async with safe_session(newsroom.config, "alice", server=newsroom.server) as alice:
        with pytest.raises(LoginCallError):
            await alice.call(SEND)

    assert calls(newsroom) == before


def test_a_wrapped_request_has_the_name_of_what_is_wrapped() -> None:
    inner = functions.help.GetNearestDcRequest()

    assert method_name(invoke.InvokeWithLayerRequest(200, inner)) == "help.getNearestDc"
    assert method_name(functions.contacts.SearchRequest("words", 10)) == "contacts.search"

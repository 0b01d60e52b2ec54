"""A login is made and ended by the methods that look after it, and never by any request."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import functions, types

from telewarden import Warden, safe_session
from telewarden.errors import LoginCallError
from telewarden.telegram import method_name
from telewarden.telegram.methods import REFUSED, refuse_logins

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

ENDS: list[tuple[Any, str, str]] = [
    (auth.LogOutRequest(), "auth.logOut", "logout()"),
    (invoke.InvokeWithLayerRequest(200, auth.LogOutRequest()), "auth.logOut", "logout()"),
    ([functions.help.GetNearestDcRequest(), auth.LogOutRequest()], "auth.logOut", "logout()"),
    (functions.account.ResetAuthorizationRequest(0), "account.resetAuthorization", "logout()"),
    (functions.account.DeleteAccountRequest("why"), "account.deleteAccount", "Telegram's own app"),
    (functions.DestroyAuthKeyRequest(), "destroyAuthKey", "logout()"),
    (auth.BindTempAuthKeyRequest(1, 1, 1, b""), "auth.bindTempAuthKey", "login or import"),
    (auth.DropTempAuthKeysRequest([]), "auth.dropTempAuthKeys", "login or import"),
    (auth.ImportAuthorizationRequest(1, b""), "auth.importAuthorization", "login or import"),
    (
        auth.ImportBotAuthorizationRequest(0, 1, "hash", "1:token"),
        "auth.importBotAuthorization",
        "login or import",
    ),
    (auth.RecoverPasswordRequest("12345"), "auth.recoverPassword", "login"),
]
# What of that space an app may call: other devices' affairs, and what only looks.
ALLOWED = frozenset(
    {"auth.acceptLoginToken", "auth.exportAuthorization", "auth.resetAuthorizations"}
)


def calls(newsroom: Newsroom) -> int:
    return sum(
        count
        for method, count in newsroom.telegram.stats.calls.items()
        if method.startswith(("auth.", "invoke"))
    )


async def test_what_makes_a_login_or_ends_it_is_refused_with_the_way_to_take_and_without_a_packet(
    newsroom: Newsroom,
) -> None:
    warden: Warden = await newsroom.start()
    alice, before = warden.session("alice"), calls(newsroom)

    for request, method, way in STEPS + ENDS:
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
        for request, method, way in STEPS + ENDS:
            with pytest.raises(LoginCallError) as refused:
                await alice.call(request)
            assert method in str(refused.value)
            assert way in str(refused.value)

    assert calls(newsroom) == before


def test_every_method_of_logins_is_either_refused_or_known_to_be_harmless() -> None:
    names = {
        method_name(found.__new__(found))
        for name, found in vars(auth).items()
        if name.endswith("Request") and found.__module__ == auth.__name__
    }

    assert {one for one in names if one.startswith("auth.")} - set(REFUSED) == ALLOWED


def test_another_devices_login_may_be_ended_by_its_number() -> None:
    refuse_logins(functions.account.ResetAuthorizationRequest(123), session="alice")


def test_a_wrapped_request_has_the_name_of_what_is_wrapped() -> None:
    inner = functions.help.GetNearestDcRequest()

    assert method_name(invoke.InvokeWithLayerRequest(200, inner)) == "help.getNearestDc"
    assert method_name(functions.contacts.SearchRequest("words", 10)) == "contacts.search"

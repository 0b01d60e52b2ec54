"""What a session's own ``call`` raises: Telewarden's errors, with Telethon's as the cause."""

from __future__ import annotations

import pytest
from telethon import errors, functions

from telewarden.errors import (
    TelegramAuthError,
    TelegramError,
    TelegramRateLimitError,
    TelegramSessionError,
)
from telewarden.loopback import CutConnection, Fault, RpcError, Silence
from telewarden.loopback.faults.rules import Action as Trouble
from telewarden.telegram import Action, ErrorClass, Health, Phase, PhaseChanged

from .conftest import Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

NEAREST = functions.help.GetNearestDcRequest

CASES: list[tuple[Trouble, type[TelegramError], ErrorClass, Action, type[BaseException]]] = [
    (
        RpcError("FLOOD_WAIT_77", 420),
        TelegramRateLimitError,
        ErrorClass.FLOOD,
        Action.PARK_METHOD,
        errors.FloodWaitError,
    ),
    (
        RpcError("PHONE_CODE_INVALID", 400),
        TelegramAuthError,
        ErrorClass.LOGIN,
        Action.ASK_CODE,
        errors.PhoneCodeInvalidError,
    ),
    (
        RpcError("SESSION_PASSWORD_NEEDED", 401),
        TelegramAuthError,
        ErrorClass.TWO_FA,
        Action.ASK_PASSWORD,
        errors.SessionPasswordNeededError,
    ),
    (
        RpcError("CHANNEL_PRIVATE", 400),
        TelegramSessionError,
        ErrorClass.PAIR,
        Action.DISABLE_PAIR,
        errors.ChannelPrivateError,
    ),
    (
        RpcError("RPC_CALL_FAIL", 500),
        TelegramSessionError,
        ErrorClass.SRV,
        Action.RETRY,
        errors.RpcCallFailError,
    ),
    (CutConnection(), TelegramSessionError, ErrorClass.NET, Action.RECONNECT, ConnectionError),
    (Silence(), TelegramSessionError, ErrorClass.NET, Action.RECONNECT, TimeoutError),
]


@pytest.mark.parametrize(
    ("trouble", "dress", "kind", "action", "cause"), CASES, ids=[str(case[0]) for case in CASES]
)
async def test_an_app_catches_one_of_three_with_what_telethon_raised(
    newsroom: Newsroom,
    trouble: Trouble,
    dress: type[TelegramError],
    kind: ErrorClass,
    action: Action,
    cause: type[BaseException],
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=trouble, times=1))

    with pytest.raises(TelegramError) as caught:
        await warden.session("alice").call(NEAREST(), deadline=0.5)

    error = caught.value
    assert type(error) is dress
    assert (error.session, error.kind, error.action) == ("alice", kind, action)
    assert error.advice in str(error)
    assert (error.deadline is None) == (error.wait is None)
    assert isinstance(error.__cause__, cause)


async def test_a_call_while_the_session_is_away_says_so(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    await newsroom.settled("alice")

    with pytest.raises(TelegramSessionError, match="is not online: needs_login"):
        await warden.session("alice").call(NEAREST())


async def test_a_call_that_finds_the_login_ended_holds_the_session(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(action=RpcError("SESSION_REVOKED", 401), account=newsroom.account("+9996620001"))
    )
    since = newsroom.mark()

    with pytest.raises(TelegramAuthError) as caught:
        await warden.session("alice").call(NEAREST())

    assert caught.value.terminal
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    assert (await warden.session("alice").report()).health is not Health.HEALTHY


async def test_a_fault_in_an_apps_own_code_stays_what_it_is(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    with pytest.raises(TypeError, match="not iterable"):
        await warden.session("alice").call(functions.users.GetUsersRequest(id=7))

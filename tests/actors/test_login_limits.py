"""Logins keep to what Telegram asks for, also after a restart: no code, no password goes early."""

from __future__ import annotations

import asyncio

import pytest

from telewarden.errors import (
    NoLoginError,
    TelegramAuthError,
    TelegramRateLimitError,
    TelegramSessionError,
)
from telewarden.loopback import AcceptAndClose, Fault, FloodWait, RpcError, TransportError
from telewarden.supervision import ChildFailed
from telewarden.telegram import Phase, SessionRecovered

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


@pytest.mark.parametrize(
    "trouble", [RpcError("PHONE_NUMBER_FLOOD", 400), FloodWait(4_000)], ids=["phone", "method"]
)
async def test_no_code_is_asked_for_before_telegram_allows_it_also_after_a_restart(
    newsroom: Newsroom, trouble: RpcError | FloodWait
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    newsroom.telegram.faults.add(Fault(method="auth.sendCode", action=trouble))
    with pytest.raises(TelegramRateLimitError) as first:
        await newsroom.warden.session("alice").login("start")
    await newsroom.stop()
    asked = newsroom.telegram.stats.calls["auth.sendCode"]

    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    with pytest.raises(TelegramRateLimitError) as second:
        await newsroom.warden.session("alice").login("start")
    token = await newsroom.warden.session("alice").login_qr()  # which costs no code

    assert newsroom.telegram.stats.calls["auth.sendCode"] == asked == 1
    assert token is not None
    assert (first.value.wait or 0) >= 4_000
    assert (second.value.wait or 0) == pytest.approx(first.value.wait, abs=60.0)


async def test_a_code_sent_again_too_early_costs_no_packet_and_no_code_of_the_day(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await alice.login("start")

    for _ in range(4):
        with pytest.raises(TelegramRateLimitError, match=r"in \d+ s; hand in") as early:
            await alice.resend_code()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))

    assert 0 < (early.value.wait or 0) <= 60
    assert newsroom.telegram.stats.calls["auth.resendCode"] == 0
    await newsroom.stop()
    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == 1
        assert store.floods("alice") == []


async def test_a_login_by_qr_code_has_no_code_to_send_again(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await alice.login_qr()

    with pytest.raises(TelegramAuthError, match="no code was sent"):
        await alice.resend_code()

    await newsroom.stop()
    with newsroom.store() as store:
        assert store.login_codes(ALICE, 0.0) == []


async def test_three_wrong_codes_end_the_login_and_ask_for_no_other(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await alice.login("start")
    for _ in range(3):
        with pytest.raises(TelegramAuthError, match="PHONE_CODE_INVALID"):
            await alice.login("code", "00000")

    with pytest.raises(NoLoginError):
        await alice.login("code", newsroom.telegram.sent_code(ALICE))
    report = await alice.report()
    assert report.phase is Phase.NEEDS_LOGIN
    assert report.reason == "login failed: PHONE_CODE_INVALID"
    assert newsroom.telegram.stats.calls["auth.sendCode"] == 1


async def test_three_wrong_passwords_end_the_login_and_the_next_one_waits(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("bob")
    bob = newsroom.warden.session("bob")
    await bob.login("start")
    assert (await bob.login("code", newsroom.telegram.sent_code(BOB))) is Phase.AWAITING_PASSWORD
    for _ in range(3):
        with pytest.raises(TelegramAuthError, match="PASSWORD_HASH_INVALID"):
            await bob.login("password", "wrong")
    asked = newsroom.telegram.stats.calls["auth.checkPassword"]
    await newsroom.stop()
    await newsroom.start(signed_in=False)
    await newsroom.settled("bob")
    bob = newsroom.warden.session("bob")
    await bob.login("start")
    await bob.login("code", newsroom.telegram.sent_code(BOB))

    with pytest.raises(TelegramRateLimitError) as early:
        await bob.login("password", "correct horse")

    assert newsroom.telegram.stats.calls["auth.checkPassword"] == asked == 3
    assert 0 < (early.value.wait or 0) <= 900


async def test_a_qr_code_is_not_asked_for_before_telegram_allows_it_also_after_a_restart(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    newsroom.telegram.faults.add(Fault(method="auth.exportLoginToken", action=FloodWait(4_000)))
    with pytest.raises(TelegramRateLimitError):
        await newsroom.warden.session("alice").login_qr()
    await newsroom.stop()

    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    with pytest.raises(TelegramRateLimitError, match="no packet was sent"):
        await newsroom.warden.session("alice").login_qr()
    with pytest.raises(TelegramRateLimitError, match="no packet was sent"):
        await newsroom.warden.session("alice").renew(qr=True)

    assert newsroom.telegram.stats.calls["auth.exportLoginToken"] == 1


async def test_a_phone_that_must_wait_waits_under_another_sessions_name_too(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start(signed_in=False)
    newsroom.telegram.faults.add(
        Fault(method="auth.sendCode", action=RpcError("PHONE_NUMBER_FLOOD", 400))
    )
    sessions = warden.registry.sessions
    await sessions.register("carol", phone=PRESS)
    await newsroom.settled("carol")
    with pytest.raises(TelegramRateLimitError, match="PHONE_NUMBER_FLOOD"):
        await warden.session("carol").login("start")

    await sessions.delete("carol")
    await sessions.register("carla", phone=PRESS)
    await newsroom.settled("carla")
    with pytest.raises(TelegramRateLimitError, match="no packet was sent"):
        await warden.session("carla").login("start")

    assert newsroom.telegram.stats.calls["auth.sendCode"] == 1


async def test_two_logins_begun_at_once_leave_one_connection_and_the_later_code(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")

    await asyncio.gather(alice.login("start"), alice.login("start"))

    await newsroom.until(lambda: len(newsroom.telegram.connections()) == 1)
    phase = await alice.login("code", newsroom.telegram.sent_code(ALICE))
    assert phase in {Phase.CONNECTING, Phase.RECOVERING}


async def test_a_code_handed_in_twice_at_once_is_sent_once(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await alice.login("start")
    code = newsroom.telegram.sent_code(ALICE)

    first, second = await asyncio.gather(
        alice.login("code", code), alice.login("code", code), return_exceptions=True
    )

    assert first in {Phase.CONNECTING, Phase.RECOVERING}
    assert isinstance(second, NoLoginError)
    assert newsroom.telegram.stats.calls["auth.signIn"] == 1


async def test_a_login_that_is_cancelled_while_its_qr_code_is_waited_for_stays_ended(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await alice.login_qr()
    waiting = asyncio.ensure_future(alice.wait_qr())
    await asyncio.sleep(0)

    await alice.cancel_login()

    with pytest.raises(NoLoginError):
        await asyncio.wait_for(waiting, timeout=5.0)
    assert (await alice.report()).phase is Phase.NEEDS_LOGIN
    assert newsroom.telegram.stats.calls["auth.exportLoginToken"] == 1
    await newsroom.until(lambda: len(newsroom.telegram.connections()) == 0)


@pytest.mark.parametrize("how", ["code", "qr"])
async def test_a_login_under_way_is_not_cut_short_by_a_recovery_or_a_logout(
    newsroom: Newsroom, how: str
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    await (alice.login_qr() if how == "qr" else alice.login("start"))
    waiting = (await alice.report()).phase
    since = newsroom.mark()

    await alice.recover()
    with pytest.raises(TelegramSessionError):
        await alice.logout()

    assert (await alice.report()).phase is waiting
    assert not [one for one in newsroom.heard[since:] if isinstance(one, ChildFailed)]


async def test_a_login_that_is_brought_in_ends_the_one_that_is_waited_for(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice, since = newsroom.warden.session("alice"), newsroom.mark()
    await alice.login("start")

    await alice.import_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    with pytest.raises(NoLoginError):
        await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.until(lambda: len(newsroom.telegram.connections()) == 1)
    assert not [one for one in newsroom.heard[since:] if isinstance(one, ChildFailed)]


async def test_a_login_that_finds_no_way_to_telegram_costs_no_code_of_the_day(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    rule = newsroom.telegram.faults.add(Fault(method="connect", action=AcceptAndClose()))
    for _ in range(4):
        with pytest.raises(TelegramSessionError):
            await alice.login("start")

    newsroom.telegram.faults.remove(rule)

    assert await alice.login("start") is Phase.AWAITING_CODE


async def test_a_login_waits_too_when_the_address_takes_no_more_connections(
    newsroom: Newsroom,
) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    alice = newsroom.warden.session("alice")
    newsroom.telegram.faults.add(
        Fault(method="auth.sendCode", times=1, action=TransportError(-429))
    )
    with pytest.raises(TelegramRateLimitError):
        await alice.login("start")
    connects = newsroom.telegram.stats.connects

    with pytest.raises(TelegramRateLimitError, match="takes no more connections from this host"):
        await alice.login("start")
    await newsroom.stop()
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    with pytest.raises(TelegramRateLimitError, match="takes no more connections from this host"):
        await newsroom.warden.session("alice").login("start")

    assert newsroom.telegram.stats.connects == connects

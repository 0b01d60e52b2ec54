"""Logins of a running warden in every way that Telegram sends a code, or none."""

from __future__ import annotations

import logging

import pytest

from telewarden.errors import NoLoginError, TelegramAuthError, TelegramSessionError
from telewarden.loopback import CutConnection, Fault, RpcError
from telewarden.storage import Held, Lease
from telewarden.telegram import Phase, SessionRecovered, parse_string

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

MAIL = "ann@example.org"


async def asked(newsroom: Newsroom, *ways: str) -> Phase:
    """Begin a login of alice whose codes go these ways; returns the phase that follows."""
    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    newsroom.telegram.send_codes_by(newsroom.account(ALICE), *ways, email=None)
    return await newsroom.warden.session("alice").login("start")


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("fragment", "https://fragment.com/number/"),
        ("missed_call", "last digits of the number that called"),
        ("word", "beginning with l. Enter the word here."),
    ],
)
async def test_the_report_says_how_a_code_comes(newsroom: Newsroom, way: str, says: str) -> None:
    phase = await asked(newsroom, way)
    alice = newsroom.warden.session("alice")

    assert phase is Phase.AWAITING_CODE
    assert says in (await alice.report()).reason
    code = newsroom.telegram.sent_code(ALICE)
    assert await alice.login("code", code) is Phase.RECOVERING
    await newsroom.hears(SessionRecovered, session="alice")


@pytest.mark.parametrize("cut", [None, "account.sendVerifyEmailCode", "account.verifyEmail"])
async def test_an_address_is_asked_for_and_proven_before_the_code_also_by_another_line(
    newsroom: Newsroom, cut: str | None
) -> None:
    phase = await asked(newsroom, "setup_email", "email")
    alice = newsroom.warden.session("alice")
    assert phase is Phase.AWAITING_EMAIL
    if cut is not None:
        rule = Fault(method=cut, action=CutConnection(), times=1)
        newsroom.telegram.faults.add(rule)

    steps = []
    for step in ("email", "code", "code"):
        while True:
            secret = MAIL if step == "email" else newsroom.telegram.sent_code(ALICE)
            try:
                steps.append(await alice.login(step, secret))
                break
            except TelegramSessionError:  # a line that was cut; the step is taken again
                assert cut is not None
                cut = None

    assert steps == [Phase.AWAITING_CODE, Phase.AWAITING_CODE, Phase.RECOVERING]
    await newsroom.hears(SessionRecovered, session="alice")
    assert newsroom.account(ALICE).login_email == MAIL
    await newsroom.stop()
    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == 1


async def test_a_code_that_is_for_sale_ends_the_login_with_the_amount(newsroom: Newsroom) -> None:
    with pytest.raises(TelegramAuthError, match=r"1\.99 USD .* QR code"):
        await asked(newsroom, "payment")

    alice = newsroom.warden.session("alice")
    assert (await alice.report()).phase is Phase.NEEDS_LOGIN
    with pytest.raises(NoLoginError):
        await alice.login("code", "22222")


async def test_a_renewal_needs_nobody_once_telegram_has_given_a_token(newsroom: Newsroom) -> None:
    newsroom.account(ALICE).gives_tokens = True
    warden = await newsroom.start(by_code=True)
    alice, since = warden.session("alice"), newsroom.mark()
    earlier = parse_string(await alice.export_string()).key_id

    phase = await alice.renew()
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="renewal")
    lease = Lease(newsroom.config.folder / "leases")
    await newsroom.until(lambda: not isinstance(lease.inspect(earlier), Held))

    assert phase is not Phase.AWAITING_CODE
    assert parse_string(await alice.export_string()).key_id != earlier
    await newsroom.stop()
    with newsroom.store() as store:  # of two logins, and of the one that was ended
        assert len(store.future_tokens("alice")) == 3


async def test_who_has_logged_out_logs_in_by_the_token_of_the_logout(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, since = warden.session("alice"), newsroom.mark()
    newsroom.account(ALICE).gives_tokens = True
    await alice.logout()

    phase = await alice.login("start")
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="login")

    assert phase is Phase.RECOVERING
    assert newsroom.telegram.sent_code(ALICE) is None


async def test_a_token_is_in_no_log_and_no_repr(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    newsroom.account(ALICE).gives_tokens = True
    newsroom.account(ALICE).relogin_days = 7
    await newsroom.start(by_code=True)
    await newsroom.stop()

    with newsroom.store() as store:
        (token,) = store.future_tokens("alice")
        database = newsroom.config.folder / "telewarden.db"
    assert "relogin_days=7 password_wanted=True parallel=1" in caplog.text
    assert token.hex() not in caplog.text
    assert repr(token) not in caplog.text
    assert token not in database.read_bytes()


async def test_a_reset_of_the_password_is_told_with_its_date(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.settled("bob")
    newsroom.telegram.reset_password(newsroom.account(BOB), days=2)
    bob = newsroom.warden.session("bob")
    await bob.login("start")

    assert await bob.login("code", newsroom.telegram.sent_code(BOB)) is Phase.AWAITING_PASSWORD

    assert "is being reset; from 20" in (await bob.report()).reason


WAYS = [
    *("app", "sms", "call", "flash_call", "missed_call", "email", "setup_email", "fragment"),
    *("firebase", "word", "phrase"),
]


@pytest.mark.parametrize("way", WAYS)
async def test_wrong_codes_and_cut_lines_cost_no_code_and_are_counted_once(
    newsroom: Newsroom, way: str
) -> None:
    newsroom.account(ALICE).login_email = None if way == "setup_email" else MAIL
    phase = await asked(newsroom, *((way, "email") if way == "setup_email" else (way,)))
    alice, calls = newsroom.warden.session("alice"), newsroom.telegram.stats.calls
    if phase is Phase.AWAITING_EMAIL:
        await alice.login("email", MAIL)
    with pytest.raises(TelegramAuthError):
        await alice.login("code", "31415")
    for action in (RpcError("RPC_CALL_FAIL", 500), CutConnection()):
        newsroom.telegram.faults.add(Fault(method="auth.signIn", action=action, times=1))

    refused = 0
    while phase is not Phase.RECOVERING:
        try:
            phase = await alice.login("code", newsroom.telegram.sent_code(ALICE))
        except TelegramSessionError:
            refused += 1
        assert refused <= 2
    await newsroom.hears(SessionRecovered, session="alice")
    await newsroom.stop()

    with newsroom.store() as store:
        assert len(store.login_codes(ALICE, 0.0)) == calls["auth.sendCode"] == 1
    assert refused == 2

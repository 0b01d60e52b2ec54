"""What Telegram tells an account unasked: a key's end, texts beside errors, logins elsewhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from telethon import functions

from telewarden.console.commands.catalogue import find
from telewarden.errors import (
    LoginCallError,
    TelegramRateLimitError,
    TelegramSessionError,
    UnknownRecordError,
)
from telewarden.loopback import Fault, ServiceNotice
from telewarden.metrics import sentence
from telewarden.telegram import (
    NOTICES,
    Health,
    Noticed,
    NoticeKind,
    Phase,
    PhaseChanged,
    parse_string,
    said,
)

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

DROPS = [
    "AUTH_KEY_DROP_DUPLICATE_1",
    "AUTH_KEY_DROP_DUPLICATE_NOSECRET_2",
    "AUTH_KEY_DROP_NOSECRET_3",
]


async def end_of(newsroom: Newsroom) -> Any:
    """Alice's report, once her session is held."""
    await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)
    return await newsroom.warden.session("alice").report()


@pytest.mark.parametrize("kind", DROPS)
async def test_a_key_that_is_told_to_end_is_latched_and_its_session_held_as_expired(
    newsroom: Newsroom, kind: str
) -> None:
    warden = await newsroom.start()
    alice, account = warden.session("alice"), newsroom.account(ALICE)
    key_id = parse_string(await alice.export_string()).key_id

    newsroom.telegram.notify(account, "Your session will end.", kind=kind, popup=False)
    told = await newsroom.hears(Noticed, session="alice")
    report = await end_of(newsroom)
    await newsroom.until(lambda: newsroom.telegram.connections(account) == [])
    connects = newsroom.telegram.stats.connects
    await alice.recover()
    settled = await newsroom.settled("alice")

    assert (report.health, told.kind) == (Health.EXPIRED, NoticeKind.KEY_DROP)
    assert "second program uses this login" in report.reason
    assert report.reason.startswith(kind[:-2])
    assert settled is Phase.NEEDS_LOGIN
    assert newsroom.telegram.stats.connects == connects  # no copy was tried
    await newsroom.stop()
    with newsroom.store() as store:
        assert store.latched(key_id).reason == kind[:-2]


async def test_a_session_whose_key_was_told_to_end_is_expired_after_a_restart_too(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.notify(newsroom.account(ALICE), "It ends.", kind=DROPS[0])
    await newsroom.hears(Noticed, session="alice")
    await end_of(newsroom)
    await newsroom.stop()

    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")

    report = await newsroom.warden.session("alice").report()
    assert (report.phase, report.health) == (Phase.NEEDS_LOGIN, Health.EXPIRED)


@pytest.mark.parametrize("error", [None, "FLOOD_WAIT_60"], ids=["opened", "refused"])
async def test_a_key_that_is_told_to_end_while_it_is_opened_is_not_tried_again(
    newsroom: Newsroom, error: str | None
) -> None:
    await newsroom.start()
    await newsroom.stop()
    account = newsroom.account(ALICE)
    notice = ServiceNotice("It ends.", error=error, type=DROPS[0])
    rule = Fault(method="updates.getState", account=account, action=notice, times=1)
    newsroom.telegram.faults.add(rule)

    await newsroom.start(signed_in=False)
    await newsroom.hears(Noticed, session="alice", name="AUTH_KEY_DROP_DUPLICATE")

    assert (await end_of(newsroom)).health is Health.EXPIRED
    await newsroom.until(lambda: newsroom.telegram.connections(account) == [])


@pytest.mark.parametrize("late", [False, True], ids=["text first", "error first"])
async def test_a_text_is_kept_beside_the_error_that_it_is_about(
    newsroom: Newsroom, late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warden = await newsroom.start()
    caplog.set_level(logging.WARNING, logger="telewarden")
    text = "You can't do this from +99 966 20001,\nsee code 12345."
    notice = ServiceNotice(text, error="CHANNEL_PRIVATE", late=late)
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=notice, times=1))

    with pytest.raises(TelegramSessionError, match="CHANNEL_PRIVATE"):
        await warden.session("alice").call(functions.help.GetNearestDcRequest())
    told = await newsroom.hears(Noticed, session="alice", name="CHANNEL_PRIVATE")

    assert told.text == "You can't do this from (number), see code (number)."
    report = await warden.session("alice").report()
    assert report.phase is Phase.ONLINE
    assert report.notice == told
    assert f"(CHANNEL_PRIVATE: {told.text})" in said(told)
    assert said(told) in caplog.text
    assert said(told) in (sentence(told) or "")


async def test_what_is_no_popup_is_left_alone_for_it_may_be_a_code(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    newsroom.telegram.notify(newsroom.account(ALICE), "Login code: 12345", popup=False)
    newsroom.telegram.notify(newsroom.account(ALICE), "Seen", popup=True)
    told = await newsroom.hears(Noticed, session="alice")

    assert told.text == "Seen"
    assert (await warden.session("alice").report()).notice == told


@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_login_elsewhere_is_told_with_device_and_place_and_not_confirmed(
    newsroom: Newsroom, confirmed: bool
) -> None:
    await newsroom.start()
    account = newsroom.account(ALICE)

    elsewhere = newsroom.telegram.login_elsewhere(
        account, device="Pixel\x1b[2J 9", place="Hanoi, Vietnam", confirmed=confirmed
    )
    told = await newsroom.hears(Noticed, session="alice")

    kind = NoticeKind.NEW_AUTHORIZATION if confirmed else NoticeKind.UNCONFIRMED_AUTHORIZATION
    assert (told.kind, told.hash) == (kind, elsewhere.hash)
    assert (told.explanation, told.advice) == (NOTICES[kind].explanation, NOTICES[kind].advice)
    whence = ("", "") if confirmed else ("Pixel [2J 9", "Hanoi, Vietnam")
    assert (told.device, told.place) == whence  # of a confirmed one Telegram tells the number alone
    assert elsewhere.unconfirmed is not confirmed
    assert newsroom.telegram.stats.calls["account.changeAuthorizationSettings"] == 0


async def test_a_bot_that_is_connected_is_told(newsroom: Newsroom) -> None:
    await newsroom.start()
    bot = newsroom.telegram.add_bot("Helper", "helper_bot")

    newsroom.telegram.connect_bot(newsroom.account(ALICE), bot, device="iPhone", place="Oslo")
    told = await newsroom.hears(Noticed, session="alice")

    assert told.kind == NoticeKind.NEW_BOT_CONNECTION
    assert (told.hash, told.device, told.place) == (bot.id, "iPhone", "Oslo")


async def test_an_accounts_logins_are_listed_and_one_is_ended(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, account = warden.session("alice"), newsroom.account(ALICE)
    elsewhere = newsroom.telegram.login_elsewhere(account, device="Pixel", place="Hanoi")

    elsewhere.hash = -(2**63)  # as large as they come
    own, other = await alice.authorisations()
    assert (own.current, own.hash, own.device) == (True, 0, "Telewarden")
    assert (other.hash, other.device, other.place) == (elsewhere.hash, "Pixel", "Hanoi")
    assert other.unconfirmed
    with pytest.raises(UnknownRecordError, match=r"alice 7; .*authorisations list alice$"):
        await alice.end_authorisation(7)
    with pytest.raises(LoginCallError, match="logout"):
        await alice.end_authorisation(0)
    ended = await alice.end_authorisation(elsewhere.hash, who="dana")

    assert ended == other
    assert elsewhere.void == "AUTH_KEY_UNREGISTERED"
    assert [one.current for one in await alice.authorisations()] == [True]
    noted = await warden.registry.audit()
    rows = [row for row in noted if row.what == "end authorisation"]
    assert [row.outcome.partition(":")[0] for row in rows] == ["done", "refused", "refused"]
    assert (rows[0].who, rows[0].after) == ("dana", {"hash": elsewhere.hash, "device": "Pixel"})


async def test_the_operators_commands_list_an_accounts_logins_and_ask_before_one_is_ended(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    account = newsroom.account(ALICE)
    elsewhere = newsroom.telegram.login_elsewhere(account, device="Pixel", place="Hanoi")
    given = {"session": "alice", "number": elsewhere.hash}

    listed = await warden.command("authorisations list", {"session": "alice"}, who="dana")
    ended = await warden.command("authorisations end", given, who="dana")

    (block,) = find("authorisations list").show(listed.model_dump())
    assert [row[1] for row in block.rows] == ["Telewarden", "Pixel"]
    assert str(elsewhere.hash) in find("authorisations end").asks(given)
    assert list(find("authorisations end").show(ended.model_dump())) == [
        "alice: the login of Pixel (Hanoi) has ended"
    ]


async def test_a_login_of_today_ends_no_other_and_says_until_when(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    account = newsroom.account(ALICE)
    elsewhere = newsroom.telegram.login_elsewhere(account, device="Pixel", place="Hanoi")
    for authorization in newsroom.telegram.authorizations(account):
        authorization.created = newsroom.telegram.authorizations(account)[0].created + 2 * 86_400

    with pytest.raises(TelegramRateLimitError, match="FRESH_RESET") as early:
        await warden.session("alice").end_authorisation(elsewhere.hash)

    assert early.value.deadline is not None
    assert elsewhere.void is None

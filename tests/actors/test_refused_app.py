"""An api_id that Telegram refuses holds every session of it, until somebody asks."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.errors import TelegramSessionError
from telewarden.loopback import Fault, RpcError
from telewarden.telegram import Phase, PhaseChanged, SessionRecovered

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

SESSIONS = ("alice", "bob")


def refuse(newsroom: Newsroom, phone: str | None, *, name: str = "API_ID_INVALID") -> Fault:
    account = None if phone is None else newsroom.account(phone)
    return newsroom.telegram.faults.add(
        Fault(method="updates.getState", action=RpcError(name), account=account)
    )


async def held(newsroom: Newsroom, session: str, *, since: int) -> Any:
    return await newsroom.hears(PhaseChanged, since=since, session=session, after=Phase.QUARANTINED)


@pytest.mark.parametrize("name", ["API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"])
@pytest.mark.crashes(logged="api refused")
async def test_an_app_that_is_refused_to_one_session_is_tried_by_none(
    newsroom: Newsroom, name: str
) -> None:
    await newsroom.start()
    refuse(newsroom, ALICE, name=name)
    since, connects = newsroom.mark(), newsroom.telegram.stats.connects

    newsroom.telegram.cut(newsroom.account(ALICE))
    reasons = {session: (await held(newsroom, session, since=since)).reason for session in SESSIONS}
    await newsroom.until(lambda: newsroom.telegram.connections() == [])

    assert set(reasons.values()) == {reasons["alice"]}
    assert reasons["alice"].startswith(f"{name}: Telegram refuses this api_id")
    assert newsroom.telegram.stats.connects == connects + 1


@pytest.mark.crashes(logged="api refused")
async def test_when_somebody_asks_one_session_tries_and_all_come_if_it_is_taken(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    rule = refuse(newsroom, None)
    since = newsroom.mark()
    newsroom.telegram.cut(newsroom.account(ALICE))
    for session in SESSIONS:
        await held(newsroom, session, since=since)
    connects, again = newsroom.telegram.stats.connects, newsroom.mark()

    await warden.recover("bob")
    await held(newsroom, "bob", since=again)
    with pytest.raises(TelegramSessionError, match="refuses this api_id"):  # once asked, once tried
        await warden.session("bob").import_string(newsroom.telegram.mint(newsroom.account(BOB)))
    tried = newsroom.telegram.stats.connects - connects
    newsroom.telegram.faults.remove(rule)
    newsroom.say("news_in", "meanwhile")
    await warden.recover("bob")
    for session in SESSIONS:
        await newsroom.hears(SessionRecovered, since=again, session=session)

    assert tried == 1
    await newsroom.arrives("news_out", "meanwhile")


@pytest.mark.crashes(logged="api refused")
async def test_a_new_start_tries_anew(newsroom: Newsroom) -> None:
    await newsroom.start()
    rule = refuse(newsroom, BOB)
    since = newsroom.mark()
    newsroom.telegram.cut(newsroom.account(BOB))
    await held(newsroom, "alice", since=since)
    newsroom.telegram.faults.remove(rule)

    await newsroom.warden.stop()
    since = newsroom.mark()
    await newsroom.warden.start()

    for session in SESSIONS:
        await newsroom.hears(SessionRecovered, since=since, session=session)


@pytest.mark.crashes(logged="api refused")
async def test_an_app_that_is_refused_at_a_call_holds_all_as_well(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    refuse(newsroom, ALICE)
    since = newsroom.mark()

    await warden.recover("alice")  # it is online: that is a probe
    for session in SESSIONS:
        await held(newsroom, session, since=since)

    await newsroom.until(lambda: newsroom.telegram.connections() == [])


@pytest.mark.crashes(logged="api refused")
async def test_an_import_while_the_app_is_held_sends_nothing_and_says_why(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    refuse(newsroom, ALICE)
    since = newsroom.mark()
    newsroom.telegram.cut(newsroom.account(ALICE))
    await held(newsroom, "bob", since=since)
    connects = newsroom.telegram.stats.connects

    with pytest.raises(TelegramSessionError, match=r"my\.telegram\.org"):
        await warden.session("bob").import_string(newsroom.telegram.mint(newsroom.account(BOB)))

    assert newsroom.telegram.stats.connects == connects

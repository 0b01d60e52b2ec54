"""The line is watched, and its troubles cost few connects: deaf, dropped, down for all."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from telewarden.loopback import AcceptAndClose, CutConnection, Fault, TransportError
from telewarden.supervision import CauseCleared, CausePaused
from telewarden.telegram import Phase, PhaseChanged, Probed, SessionRecovered
from telewarden.telegram.connecting.outage import OutageLimit, OutageWatch

from .conftest import ALICE, LOOK_EVERY, Newsroom

PAUSE = 0.1  # seconds; the first, of which the tests of storms look at a dozen
pytestmark = [pytest.mark.actors, pytest.mark.session]

PLACE = "149.154.167.51"
MANY = 12


def deafen(newsroom: Newsroom, phone: str) -> None:
    """The data centre answers, and pushes nothing more on this connection."""
    for connection in newsroom.telegram.connections(newsroom.account(phone)):
        connection.conversation.wants_updates = False


async def test_a_client_that_is_connected_but_deaf_is_replaced_and_loses_nothing(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.actors.session.liveness.LISTEN_AGAIN", 0.01)
    warden = await newsroom.start()
    deafen(newsroom, ALICE)
    newsroom.say("news_in", "unheard")
    newsroom.telegram.post(newsroom.account(ALICE), "hello", author=newsroom.account("+9996620002"))
    since = newsroom.mark()

    await warden.recover("alice")  # probes, as the monitor does every five minutes
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")

    assert back.cause == "deaf"
    await newsroom.arrives("news_out", "unheard")


async def test_a_quiet_session_is_not_taken_for_deaf(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    since, connects = newsroom.mark(), newsroom.telegram.stats.connects

    for _ in range(3):
        mark = newsroom.mark()
        await warden.recover("alice")
        await newsroom.hears(Probed, since=mark, session="alice")

    assert newsroom.telegram.stats.connects == connects
    assert not [
        e for e in newsroom.heard[since:] if isinstance(e, PhaseChanged) and e.session == "alice"
    ]


async def test_a_data_centre_that_takes_and_drops_connections_sees_few_of_them(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"] = {"backoff_initial": PAUSE, "backoff_max": 120 * PAUSE}
    newsroom.reconfigure(tables)
    await newsroom.start()
    connects, began = newsroom.telegram.stats.connects, time.monotonic()
    newsroom.telegram.faults.add(Fault(method="connect", action=AcceptAndClose()))
    newsroom.telegram.cut()

    await newsroom.until(lambda: time.monotonic() - began > 12 * PAUSE)

    # Two sessions: a few tries at once, then less and less often.
    assert newsroom.telegram.stats.connects - connects <= 2 * 12


async def test_a_line_that_is_dropped_as_soon_as_it_stands_makes_no_storm(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"] = {"backoff_initial": PAUSE, "backoff_max": 120 * PAUSE}
    tables["pairs"] = []
    newsroom.reconfigure(tables)
    await newsroom.start()
    connects, began = newsroom.telegram.stats.connects, time.monotonic()
    newsroom.telegram.faults.add(
        Fault(method="updates.getDifference", action=CutConnection(reset=True))
    )
    newsroom.telegram.cut(newsroom.account(ALICE))

    await newsroom.until(lambda: time.monotonic() - began > 10 * PAUSE)

    assert newsroom.telegram.stats.connects - connects <= 12


async def test_when_an_address_fails_for_many_one_looks_and_all_come_back(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    phones = [f"+99966210{n:02d}" for n in range(MANY)]
    tables["sessions"] = [{"name": f"s{n}", "phone": phone} for n, phone in enumerate(phones)]
    tables["pairs"] = []
    tables["telegram"]["connects_per_second"] = 1_000.0
    newsroom.reconfigure(tables)
    warden = await newsroom.start(signed_in=False)
    for n, phone in enumerate(phones):
        account = newsroom.telegram.add_account(f"s{n}", phone=phone)
        await warden.session(f"s{n}").import_string(newsroom.telegram.mint(account))
    for n in range(MANY):
        await newsroom.hears(SessionRecovered, session=f"s{n}")
    rule = newsroom.telegram.faults.add(Fault(method="connect", action=AcceptAndClose()))
    since, connects = newsroom.mark(), newsroom.telegram.stats.connects
    newsroom.telegram.cut()

    waiting = set()
    while len(waiting) < MANY - 5:
        await newsroom.hears(PhaseChanged, since=since, after=Phase.WAITING)
        waiting |= {
            e.session
            for e in newsroom.heard[since:]
            if isinstance(e, PhaseChanged) and e.reason.startswith("SHARED_OUTAGE")
        }
        await asyncio.sleep(LOOK_EVERY)
    tried = newsroom.telegram.stats.connects - connects
    paused = await newsroom.hears(CausePaused, since=since)
    newsroom.telegram.faults.remove(rule)
    for n in range(MANY):
        await newsroom.hears(SessionRecovered, since=since, session=f"s{n}")

    cleared = await newsroom.hears(CauseCleared, since=since)
    assert tried <= MANY + 10
    assert paused.cause == cleared.cause
    assert paused.cause.startswith("address 127.0.0.1")


@pytest.mark.parametrize("when", ["opening", "online"])
async def test_too_many_connections_from_here_are_too_many_for_all_also_after_a_restart(
    newsroom: Newsroom, when: str
) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()
    newsroom.telegram.faults.add(
        Fault(
            method="updates.getState",
            account=newsroom.account(ALICE),
            action=TransportError(-429),
            times=1,
        )
    )
    if when == "opening":
        newsroom.telegram.cut(newsroom.account(ALICE))
    else:
        await warden.recover("alice")  # it is online: that is a probe
    waits = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.WAITING)
    await newsroom.stop()
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()

    await newsroom.start(signed_in=False)
    for session in ("alice", "bob"):
        held = await newsroom.hears(PhaseChanged, since=since, session=session, after=Phase.WAITING)
        assert held.reason.startswith("TRANSPORT_FLOOD")

    assert "next try in" in waits.reason
    assert newsroom.telegram.stats.connects == connects


def test_failures_of_few_sessions_pause_nobody() -> None:
    watch = OutageWatch(OutageLimit(sessions=3, within=10.0))
    for at in range(50):
        watch.record_failure(PLACE, f"s{at % 2}", float(at))

    assert not watch.is_open(PLACE)
    assert watch.allows(PLACE, "s9", 50.0)


async def test_many_failures_pause_all_but_a_scout_until_it_works() -> None:
    watch = OutageWatch(OutageLimit(sessions=3, within=10.0, scout_for=60.0))
    for at, name in enumerate(("a", "b", "c")):
        watch.record_failure(PLACE, name, float(at))

    may = {name: watch.allows(PLACE, name, 3.0) for name in ("a", "b", "c", "d")}
    elsewhere = watch.allows("another place", "a", 3.0)
    waiting = asyncio.ensure_future(watch.wait_closed("a"))
    await asyncio.sleep(0)
    paused = waiting.done()
    watch.record_success(PLACE)
    await waiting

    assert may == {"a": False, "b": False, "c": True, "d": False}
    assert elsewhere
    assert not paused
    assert all(watch.allows(PLACE, name, 4.0) for name in may)


def test_failures_that_are_long_ago_or_answered_count_for_nothing() -> None:
    watch = OutageWatch(OutageLimit(sessions=3, within=10.0))
    for at, name in zip(itertools.count(0, 8), ("a", "b", "c", "d")):
        watch.record_failure(PLACE, name, float(at))
    spread = watch.is_open(PLACE)
    watch.record_failure(PLACE, "e", 25.0)
    watch.record_success(PLACE)
    watch.record_failure(PLACE, "f", 26.0)

    assert not spread
    assert not watch.is_open(PLACE)


def test_a_scout_that_went_away_is_replaced() -> None:
    watch = OutageWatch(OutageLimit(sessions=1, scout_for=60.0))
    watch.record_failure(PLACE, "a", 0.0)

    assert not watch.allows(PLACE, "b", 59.0)
    assert watch.allows(PLACE, "b", 61.0)
    assert not watch.allows(PLACE, "a", 62.0)

"""The registry of a whole warden: sessions come and go while it runs, and what it follows."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from telewarden import Warden
from telewarden.actors import OperationEnded
from telewarden.errors import (
    ChildUnavailableError,
    DrillError,
    PairBusyError,
    PairsAssignedError,
    PairsNotMovedError,
    SessionBusyError,
    UnknownSessionError,
)
from telewarden.loopback import Fault, FloodWait, Silence
from telewarden.supervision import ChildStarted
from telewarden.telegram import FloodBegan, Health, Phase, Probed

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

CAROL = "+9996620003"


async def log_in(newsroom: Newsroom, name: str, phone: str) -> None:
    handle = newsroom.warden.session(name)
    assert await newsroom.settled(name) is Phase.NEEDS_LOGIN
    await handle.login("start")
    await handle.login("code", newsroom.telegram.sent_code(phone))


async def healthy(newsroom: Newsroom, name: str) -> None:
    sessions = newsroom.warden.sessions
    await newsroom.until(lambda: sessions.get(name).health is Health.HEALTHY)


async def test_the_sessions_of_the_configuration_are_registered_with_their_health(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await healthy(newsroom, "alice")
    await healthy(newsroom, "bob")

    assert [(one.name, one.pairs) for one in warden.sessions.list()] == [("alice", 1), ("bob", 1)]
    assert warden.sessions.best().name == "alice"
    assert warden.registry.statistics().pairs == 2


async def test_a_scrape_shows_the_registry_as_it_was_at_the_last_look(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    await warden.operations.begin("backfill", session="alice")

    await warden.overview()

    def sample(name: str, **labels: str) -> float | None:
        return warden.exporter.registry.get_sample_value(f"telewarden_registry_{name}", labels)

    assert sample("sessions", state="healthy") == 2
    assert sample("operations", kind="backfill", state="running") == 1


async def test_a_session_registered_at_run_time_comes_online_and_is_there_at_the_next_start(
    newsroom: Newsroom,
) -> None:
    newsroom.telegram.add_account("carol", phone=CAROL)
    warden = await newsroom.start()

    await warden.sessions.register("carol", phone=CAROL, priority=1)
    await log_in(newsroom, "carol", CAROL)
    await healthy(newsroom, "carol")
    await newsroom.stop()
    since = newsroom.mark()
    again = await newsroom.start(signed_in=False)

    await newsroom.hears(
        ChildStarted, since=since, child="sessions/session:carol/session", incarnation=1
    )
    await healthy(newsroom, "carol")
    assert again.sessions.get("carol").priority == 1


async def test_a_changed_phone_is_the_one_that_the_next_login_uses(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    newsroom.telegram.add_account("carol", phone=CAROL)
    await newsroom.settled("alice")
    await warden.session("alice").report()

    await warden.sessions.change("alice", phone=CAROL)
    await log_in(newsroom, "alice", CAROL)
    await healthy(newsroom, "alice")

    me = await warden.session("alice").report()
    assert me.user_id == newsroom.account(CAROL).id


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_changed_phone_outlives_a_crash_of_its_session(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    newsroom.telegram.add_account("carol", phone=CAROL)
    await newsroom.settled("alice")
    await warden.sessions.change("alice", phone=CAROL)

    since = newsroom.mark()
    await warden.drill("sessions/session:alice/session")
    path = "sessions/session:alice/session"
    await newsroom.hears(ChildStarted, since=since, child=path)
    await log_in(newsroom, "alice", CAROL)


async def test_a_deleted_session_is_stopped_and_shown_no_more(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    with pytest.raises(PairsAssignedError):
        await warden.sessions.delete("alice")
    await warden.sessions.register("carol", phone=CAROL)
    await newsroom.settled("carol")

    await warden.sessions.delete("carol")

    overview = await warden.overview()
    assert [report.session for report in overview.sessions] == ["alice", "bob"]
    assert [one.name for one in warden.sessions.by_health("deleted")] == ["carol"]
    with pytest.raises(UnknownSessionError):
        warden.session("carol")


def let_bob_in(newsroom: Newsroom) -> None:
    account = newsroom.account(BOB)
    for chat in ("news_in", "news_out"):
        newsroom.chats[chat].join(account)
    newsroom.chats["news_out"].set_rights(account, admin=True)


async def test_by_force_the_pairs_of_a_deleted_session_are_forwarded_by_another(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    let_bob_in(newsroom)
    await healthy(newsroom, "bob")
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")

    gone = await warden.sessions.delete("alice", force=True)
    newsroom.say("news_in", "after")

    assert gone.moved == {1: "bob"}
    await newsroom.arrives("news_out", "before", "after")
    assert warden.sessions.get("bob").pairs == 2


async def test_by_force_no_pair_goes_to_an_account_that_may_not_serve_it(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.chats["news_in"].join(newsroom.account(BOB))
    await healthy(newsroom, "bob")

    with pytest.raises(PairsNotMovedError, match="bob may not write in its target"):
        await warden.sessions.delete("alice", force=True)

    assert [(one.name, one.pairs) for one in warden.sessions.list()] == [("alice", 1), ("bob", 1)]
    newsroom.say("news_in", "still here")
    await newsroom.arrives("news_out", "still here")


@pytest.mark.parametrize("dry_run", [True, False])
async def test_by_force_a_pair_goes_to_the_best_account_that_may_serve_it(
    newsroom: Newsroom, tables: dict[str, Any], dry_run: bool
) -> None:
    carol = newsroom.telegram.add_account("carol", phone=CAROL)
    for chat in ("news_in", "news_out"):
        newsroom.chats[chat].join(carol)
    newsroom.chats["news_out"].set_rights(carol, admin=True)
    newsroom.chats["news_in"].join(newsroom.account(BOB))
    tables["sessions"] += [{"name": "carol", "phone": CAROL, "priority": 10}]
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    for name in ("bob", "carol"):
        await healthy(newsroom, name)

    gone = await warden.sessions.delete("alice", force=True, dry_run=dry_run)
    newsroom.say("news_in", "news")

    assert gone.moved == {1: "carol"}
    assert warden.sessions.best().name == ("alice" if dry_run else "bob")  # not left marked
    assert len(await warden.registry.audit(what="delete", subject="alice")) == (not dry_run)
    await newsroom.arrives("news_out", "news")
    assert warden.sessions.get("carol").pairs == (not dry_run)


async def test_a_dry_run_of_a_deletion_is_refused_for_the_reasons_of_the_deletion(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await healthy(newsroom, "bob")

    refused = []
    for dry_run in (True, False):
        with pytest.raises(PairsNotMovedError) as error:
            await warden.sessions.delete("alice", force=True, dry_run=dry_run)
        refused.append(error.value.reasons)

    assert refused[0] == refused[1]
    assert refused[0][0] == "pair 1: bob is not in its source"
    assert len(await warden.registry.audit(what="delete", subject="alice")) == 1


def ask_again(newsroom: Newsroom) -> None:
    """Have alice ask again what Telegram is silent about, which a stop would wait for long."""
    newsroom.telegram.cut(newsroom.account(ALICE))


async def test_a_pair_that_does_not_come_to_rest_keeps_its_session(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    let_bob_in(newsroom)
    await healthy(newsroom, "bob")
    silent = newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=Silence())
    )
    newsroom.say("news_in", "kept")
    await newsroom.until(lambda: silent.struck == 1)

    with pytest.raises(PairBusyError, match="try again later"):
        await warden.sessions.delete("alice", force=True, within=0.1)

    assert [(one.name, one.pairs) for one in warden.sessions.list()] == [("alice", 1), ("bob", 1)]
    assert (await warden.sessions.change("bob", priority=2)).priority == 2  # no longer held
    refused, *_ = await warden.registry.audit(what="delete", subject="alice")
    assert refused.outcome.startswith("refused: pair 1 has a message on its way")
    ask_again(newsroom)


async def test_by_force_no_pair_is_moved_around_a_flood(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    let_bob_in(newsroom)
    await healthy(newsroom, "bob")
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )
    newsroom.say("news_in", "kept")
    await newsroom.hears(FloodBegan, session="alice")

    with pytest.raises(PairsNotMovedError, match=r"alice has to wait until .* around a flood"):
        await warden.sessions.delete("alice", force=True)

    assert [(one.name, one.pairs) for one in warden.sessions.list()] == [("alice", 1), ("bob", 1)]


async def test_the_best_session_for_a_pair_is_none_that_telegram_told_to_wait(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await warden.sessions.change("alice", priority=1)
    for name in ("alice", "bob"):
        await healthy(newsroom, name)
    assert warden.sessions.best().name == "alice"
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )

    newsroom.say("news_in", "too much")
    await newsroom.hears(FloodBegan, session="alice")

    await newsroom.until(lambda: warden.sessions.best().name == "bob")
    alice = warden.sessions.best().candidates[-1]
    assert (alice.name, alice.fits) == ("alice", True)
    assert re.search(r"healthy, priority 1, .*, told to wait for 3[56]\d\d s more", alice.reason)


async def test_who_is_given_pairs_stays_as_it_is_until_they_have_come(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    let_bob_in(newsroom)
    await healthy(newsroom, "bob")

    _, *refused = await asyncio.gather(
        warden.sessions.delete("alice", force=True),
        warden.sessions.change("bob", max_pairs=1),
        warden.sessions.delete("alice"),
        return_exceptions=True,
    )

    assert [str(one) for one in refused] == [
        "session bob is being given pairs; try again when that is over",
        "session alice is being deleted; try again when that is over",
    ]
    assert (await warden.sessions.change("bob", max_pairs=2)).pairs == 2


@pytest.mark.crashes("registry", DrillError)
async def test_a_crash_of_the_registry_leaves_sessions_alone_and_in_reach(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    before = (await warden.session("alice").report()).since
    since = newsroom.mark()

    await warden.drill("registry")
    await newsroom.hears(ChildStarted, since=since, child="registry")

    assert (await warden.session("alice").report()).since == before
    newsroom.say("news_in", "still here")
    await newsroom.arrives("news_out", "still here")


@pytest.mark.crashes("registry", DrillError)
async def test_a_crash_of_the_registry_during_a_deletion_is_told_and_the_session_goes_on(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    let_bob_in(newsroom)
    await healthy(newsroom, "bob")
    silent = newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=Silence())
    )
    newsroom.say("news_in", "kept")
    await newsroom.until(lambda: silent.struck == 1)
    deleting = asyncio.ensure_future(warden.sessions.delete("alice", force=True, within=60.0))
    await asyncio.sleep(0)
    with pytest.raises(SessionBusyError):
        await warden.sessions.change("alice", priority=1)

    await warden.drill("registry")

    with pytest.raises(ChildUnavailableError, match="registry is unavailable"):
        await asyncio.wait_for(deleting, 10)
    assert (await warden.sessions.change("alice", priority=1)).pairs == 1
    assert (await warden.session("alice").report()).phase is Phase.ONLINE
    ask_again(newsroom)


async def test_logins_and_recoveries_are_operations(newsroom: Newsroom) -> None:
    warden = await newsroom.start(by_code=True)
    await newsroom.until(lambda: not warden.operations.list(state="running"))

    def ended(kind: str) -> list[tuple[str | None, str]]:
        return [(one.session, one.state.value) for one in warden.operations.list(kind=kind)]

    assert sorted(ended("login")) == [("alice", "finished"), ("bob", "finished")]
    assert sorted(ended("recovery")) == [
        ("alice", "finished"),  # not before the first login: there was nothing to come back from
        ("bob", "finished"),
    ]
    assert {type(event) for event in newsroom.heard} >= {OperationEnded}


async def test_the_monitor_looks_as_often_as_it_is_told_to_while_running(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    since = newsroom.mark()

    await warden.registry.reconfigure(sessions_every=0.05)

    await newsroom.hears(Probed, since=since, session="alice")
    await newsroom.hears(Probed, since=since, session="bob")


@pytest.mark.parametrize("child", ["health", "registry"])
@pytest.mark.crashes("*", DrillError)
async def test_how_often_the_monitor_looks_outlives_a_restart(
    newsroom: Newsroom, child: str
) -> None:
    warden = await newsroom.start()
    await warden.registry.reconfigure(sessions_every=0.05)

    since = newsroom.mark()
    await warden.drill(child)
    await newsroom.hears(ChildStarted, since=since, child="health")
    since = newsroom.mark()

    for _ in range(3):
        await newsroom.hears(Probed, since=since, session="alice")
        since = newsroom.mark()


async def test_many_sessions_registered_at_once_all_start(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)

    await asyncio.gather(*(warden.sessions.register(f"s{number}") for number in range(20)))

    phases = await asyncio.gather(*(newsroom.settled(f"s{number}") for number in range(20)))
    assert set(phases) == {Phase.NEEDS_LOGIN}


async def test_a_stop_has_a_deadline_and_an_outcome(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    report = await warden.stop(deadline=30.0)

    assert report is not None
    assert report.is_clean
    assert "registry" in [entry.child for entry in report.entries]
    assert warden.sessions.get("alice").pairs == 1  # the last snapshot stays readable


async def test_plain_code_in_any_thread_uses_a_warden_in_a_thread_of_its_own(
    newsroom: Newsroom,
) -> None:
    def use() -> list[str]:
        with Warden(newsroom.config, server=newsroom.server) as warden:
            warden.blocking.sessions.register("carol", priority=1)
            with warden.blocking.operations.track("backup") as tracked:
                tracked.part(1, "carol")
            return [one.name for one in warden.blocking.sessions.list()]

    assert await asyncio.to_thread(use) == ["alice", "bob", "carol"]

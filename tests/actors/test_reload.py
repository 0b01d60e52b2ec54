"""A running warden goes by another configuration, all of it or nothing, while the rest works on."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from telewarden.actors import PairRemoved
from telewarden.config import Config, parse_config
from telewarden.config.changes import ConfigChange
from telewarden.errors import (
    ConfigError,
    DrillError,
    NotRunningError,
    UnknownRecordError,
    UnknownSessionError,
)
from telewarden.storage import MasterKey
from telewarden.supervision import ChildStarted, ChildStopped
from telewarden.telegram import Phase, PhaseChanged, SessionRecovered

from .conftest import ALICE, BOB, TABLES, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

CAROL = "+9996620003"


@pytest.fixture
def tables() -> dict[str, Any]:
    """The configuration that a newsroom runs, to be changed by a test."""
    return copy.deepcopy(TABLES)


def config_of(newsroom: Newsroom, tables: dict[str, Any]) -> Config:
    return parse_config(tables, base=newsroom.folder).model_copy(update={"console": None})


def incarnations(newsroom: Newsroom) -> dict[str, int]:
    """How often each actor below the sessions has been started."""
    found: dict[str, int] = {}

    def look(node: Any) -> None:
        found[node.path] = node.incarnation
        for child in node.children:
            look(child)

    look(newsroom.warden.snapshot())
    return {path: number for path, number in found.items() if "session:" in path}


def let_bob_in(newsroom: Newsroom) -> None:
    """Let bob read and write where alice does."""
    bob = newsroom.account(BOB)
    for chat in ("news_in", "news_out"):
        newsroom.chats[chat].join(bob)
    newsroom.chats["news_out"].set_rights(bob, admin=True)


# What stays


async def test_who_is_not_concerned_is_not_interrupted(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    before, connects = incarnations(newsroom), newsroom.telegram.stats.connects
    since = newsroom.mark()
    tables["sessions"].append({"name": "carol", "phone": CAROL})
    tables["pacing"]["per_chat"] = 500.0
    tables["health"] = {"groups_every": 30.0, "sessions_every": 60.0}

    report = await warden.reload(config_of(newsroom, tables))
    await newsroom.hears(PhaseChanged, since=since, session="carol", after=Phase.NEEDS_LOGIN)

    assert {path: incarnations(newsroom)[path] for path in before} == before
    assert newsroom.telegram.stats.connects == connects
    assert not [
        event
        for event in newsroom.heard[since:]
        if isinstance(event, PhaseChanged) and event.session != "carol"
    ]
    newsroom.say("news_in", "all along")
    await newsroom.arrives("news_out", "all along")
    assert report.needs_restart == ()


async def test_whether_series_of_each_session_are_shown_is_changed_while_it_runs(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    tables["metrics"] = {"per_session": False}
    shown = [b'telewarden_session_phase{session="alice"' in warden.exporter.render()[0]]

    report = await warden.reload(config_of(newsroom, tables))

    shown.append(b'telewarden_session_phase{session="alice"' in warden.exporter.render()[0])
    assert shown == [True, False]
    assert [change.key for change in report.applied] == ["metrics.per_session"]


def test_a_table_that_comes_or_goes_needs_a_restart_where_one_of_its_keys_does() -> None:
    told = {
        key: ConfigChange(key=key, old=None, new="a table").needs_restart
        for key in ("bot", "console", "loopback", "metrics", "notify", "bot.allow", "bot.token")
    }

    assert told == {
        "bot": True,
        "console": True,
        "loopback": True,
        "metrics": False,
        "notify": False,
        "bot.allow": False,
        "bot.token": True,
    }


async def test_the_report_says_what_was_and_what_is(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    tables["pacing"]["per_chat"] = 500.0
    tables["sessions"][0] |= {"priority": 2, "phone": CAROL}
    tables["pairs"][1]["mode"] = "forward"
    tables["supervision"] = {"abandoned_limit": 3}

    report = await warden.reload(config_of(newsroom, tables), who="ann")

    said = {change.key: (change.old, change.new) for change in report.applied}
    assert said == {
        "sessions.alice.priority": ("5", "2"),
        "sessions.alice.phone": ("...01", "...03"),
        "pairs.2.mode": ("'copy'", "'forward'"),
        "pacing.per_chat": ("1000.0", "500.0"),
    }
    assert [change.key for change in report.needs_restart] == ["supervision.abandoned_limit"]
    assert "supervision.abandoned_limit: 10 -> 3; needs a restart" in str(report)
    (row,) = await warden.registry.audit(what="reload")
    assert (row.who, row.subject, row.outcome) == ("ann", "configuration", "done")
    assert row.after == {key: new for key, (_, new) in said.items()}


async def test_a_configuration_that_says_the_same_changes_nothing(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)

    report = await warden.reload(config_of(newsroom, tables))

    assert (report.applied, report.needs_restart, str(report)) == ((), (), "nothing has changed")
    assert await warden.registry.audit(what="reload") == ()


async def test_what_needs_a_restart_is_told_again_and_not_taken_over(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    tables["storage"] |= {"folder": "elsewhere", "lease_timeout": 7.0}

    await warden.reload(config_of(newsroom, tables))
    report = await warden.reload(config_of(newsroom, tables))

    assert warden.config.folder == newsroom.config.folder
    assert warden.config.storage.lease_timeout == 7.0
    assert [change.key for change in report.needs_restart] == ["storage.folder"]
    assert report.applied == ()


# Sessions


async def test_a_session_comes_goes_and_comes_again_with_its_login(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    string = await warden.session("bob").export_string()
    without = copy.deepcopy(tables)
    del without["sessions"][1], without["pairs"][1]
    since = newsroom.mark()

    await warden.reload(config_of(newsroom, without))
    await newsroom.hears(ChildStopped, since=since, child="sessions/session:bob")
    gone = "bob" not in warden.sessions
    with pytest.raises(UnknownSessionError):
        warden.session("bob")
    since = newsroom.mark()
    await warden.reload(config_of(newsroom, tables))
    await newsroom.hears(SessionRecovered, since=since, session="bob")
    await newsroom.pairs_ready()
    newsroom.say("market_in", "back again")
    await newsroom.arrives("market_out", "back again")

    assert gone
    assert await warden.session("bob").export_string() == string
    assert [one.name for one in warden.sessions.by_health("deleted")] == []


async def test_a_session_takes_over_what_its_table_says_and_keeps_what_it_does_not(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    await warden.sessions.change("alice", priority=1)
    tables["sessions"][0]["max_pairs"] = 7

    await warden.reload(config_of(newsroom, tables))
    kept = warden.sessions.get("alice").record
    tables["sessions"][0]["priority"] = 9
    await warden.reload(config_of(newsroom, tables))

    assert (kept.priority, kept.max_pairs) == (1, 7)
    assert warden.sessions.get("alice").record.priority == 9


async def test_a_session_that_was_registered_by_hand_is_not_the_configurations_to_remove(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    await warden.sessions.register("carol", phone=CAROL)
    declared = copy.deepcopy(tables)
    declared["sessions"].append({"name": "carol", "phone": CAROL, "priority": 3})

    await warden.reload(config_of(newsroom, declared))
    priority = warden.sessions.get("carol").record.priority
    await warden.reload(config_of(newsroom, tables))

    assert priority == 3
    assert "carol" in warden.sessions


# Pairs


async def test_pairs_come_change_and_go_and_those_that_go_keep_what_they_knew(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    fewer = copy.deepcopy(tables)
    del fewer["pairs"][0]
    fewer["pairs"][0]["header"] = "read this"

    await warden.reload(config_of(newsroom, fewer))
    await newsroom.hears(PairRemoved, pair=1)
    with pytest.raises(UnknownRecordError):
        await warden.pairs.get(1)
    newsroom.say("market_in", "dear")
    await newsroom.until(lambda: len(newsroom.texts("market_out")) == 1)
    newsroom.say("news_in", "two")
    await warden.reload(config_of(newsroom, tables))

    await newsroom.arrives("news_out", "one", "two")
    assert newsroom.texts("market_out")[0].startswith("read this")


async def test_a_pair_is_given_to_another_session_without_loss_or_doubling(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    tables["pairs"][0]["session"] = "bob"

    await warden.reload(config_of(newsroom, tables))
    newsroom.say("news_in", "two")

    await newsroom.arrives("news_out", "one", "two")
    assert (await warden.pairs.get(1)).session == "bob"
    assert warden.sessions.get("alice").pairs == 0


async def test_a_pair_with_other_chats_begins_anew_with_them(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    newsroom.chats["market_in"].join(newsroom.account(ALICE))
    warden = await newsroom.start()
    tables["pairs"][0]["source"] = "@market_in"

    await warden.reload(config_of(newsroom, tables))
    await newsroom.pairs_ready()
    newsroom.say("market_in", "prices")

    await newsroom.arrives("news_out", "prices")


async def test_a_change_by_hand_stands_until_the_configuration_says_something_else_of_the_pair(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    await warden.pairs.change(1, mode="copy")
    await warden.pairs.remove(2)
    tables["pacing"]["burst"] = 7

    await warden.reload(config_of(newsroom, tables))
    stands = [(plan.id, plan.mode) for plan in await warden.pairs.list()]
    tables["pairs"][0]["edits"] = False
    tables["pairs"][1]["edits"] = False
    await warden.reload(config_of(newsroom, tables))
    obeyed = [(plan.id, plan.mode, plan.edits) for plan in await warden.pairs.list()]

    assert stands == [(1, "copy")]
    assert obeyed == [(1, "forward", False), (2, "copy", False)]


# All or nothing


WRONG: list[tuple[Any, str]] = [
    (lambda it: it["pairs"][0].update(handler="nobody", target=None), "pairs.1: .*nobody"),
    (
        lambda it: it["sessions"][0].update(
            proxy={
                "kind": "http",
                "host": "localhost",
                "port": 1,
                "username": "u",
                "password": {"env": "NOT_SET_ANYWHERE"},
            }
        ),
        "NOT_SET_ANYWHERE is not set",
    ),
    (lambda it: it["registry"].update(max_sessions=2), "its limit is 2"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG, ids=["handler", "secret", "room"])
async def test_what_cannot_be_applied_is_named_and_nothing_changes(
    newsroom: Newsroom, tables: dict[str, Any], spoil: Any, said: str
) -> None:
    warden = await newsroom.start(signed_in=False)
    tables["registry"] = {}
    tables["sessions"].append({"name": "carol", "phone": CAROL})
    tables["sessions"][1]["priority"] = 1
    tables["pacing"]["burst"] = 3
    spoil(tables)

    with pytest.raises(ConfigError, match=said):
        await warden.reload(config_of(newsroom, tables), who="ann")

    assert "carol" not in warden.sessions
    assert warden.sessions.get("bob").record.priority == 5
    assert warden.config == newsroom.config
    (row,) = await warden.registry.audit(what="reload")
    assert row.outcome.startswith("refused: ")


async def test_a_pair_that_was_moved_by_hand_keeps_its_session_from_being_removed(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    await warden.pairs.reassign("1", "bob")
    del tables["sessions"][1], tables["pairs"][1]

    with pytest.raises(ConfigError, match="bob"):
        await warden.reload(config_of(newsroom, tables))

    assert sorted(one.name for one in warden.sessions.list()) == ["alice", "bob"]
    assert [plan.id for plan in await warden.pairs.list()] == [1, 2]


# When


async def test_two_at_once_come_one_after_the_other(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    first, second = copy.deepcopy(tables), copy.deepcopy(tables)
    first["pacing"]["burst"], second["pacing"]["burst"] = 3, 4

    reports = await asyncio.gather(
        warden.reload(config_of(newsroom, first)), warden.reload(config_of(newsroom, second))
    )

    said = [(change.old, change.new) for report in reports for change in report.applied]
    assert said == [("1000", "3"), ("3", "4")]
    assert warden.config.pacing.burst == 4


async def test_a_warden_that_does_not_run_is_not_reloaded(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    with pytest.raises(NotRunningError):
        await newsroom.warden.reload(config_of(newsroom, tables))
    warden = await newsroom.start(signed_in=False)
    with pytest.raises(ConfigError, match="made without a file"):
        await warden.reload()


@pytest.mark.crashes("registry", DrillError)
async def test_a_registry_that_crashes_afterwards_goes_on_with_what_was_reloaded(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    tables["sessions"].append({"name": "carol", "phone": CAROL})
    tables["pairs"][0]["mode"] = "copy"
    await warden.reload(config_of(newsroom, tables))
    since = newsroom.mark()

    await warden.drill("registry")
    await newsroom.hears(ChildStarted, since=since, child="registry")
    again = await warden.reload(config_of(newsroom, tables))

    assert "carol" in warden.sessions
    assert (await warden.pairs.get(1)).mode == "copy"
    assert again.applied == ()


async def test_the_next_start_finds_what_was_reloaded(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start(signed_in=False)
    await warden.pairs.change(1, edits=False)
    tables["pairs"][0]["mode"] = "copy"
    await warden.reload(config_of(newsroom, tables))
    await newsroom.stop()
    newsroom.reconfigure(tables)

    warden = await newsroom.start(signed_in=False)

    plan = await warden.pairs.get(1)
    assert (plan.mode, plan.edits) == ("copy", True)


# What is live


async def test_the_pace_of_a_running_session_is_another_one_at_once(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pacing"] |= {"per_chat": 0.001, "burst": 1}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    tables["pacing"] |= {"per_chat": 1000.0, "burst": 1000}

    await warden.reload(config_of(newsroom, tables))
    newsroom.say("market_in", "two", "three")

    await newsroom.arrives("market_out", "one", "two", "three")


async def test_a_session_with_another_proxy_comes_back_by_it_and_the_others_stay(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    before = incarnations(newsroom)
    since = newsroom.mark()
    tables["sessions"][1]["proxy"] = {"kind": "http", "host": "127.0.0.1", "port": 1}

    report = await warden.reload(config_of(newsroom, tables))
    waits = await newsroom.hears(PhaseChanged, since=since, session="bob", after=Phase.WAITING)
    del tables["sessions"][1]["proxy"]
    since = newsroom.mark()
    await warden.reload(config_of(newsroom, tables))
    await newsroom.hears(SessionRecovered, since=since, session="bob")

    assert [(one.key, one.new) for one in report.applied] == [
        ("sessions.bob.proxy", "http 127.0.0.1:1")
    ]
    assert "PROXY_UNREACHABLE" in waits.reason
    assert incarnations(newsroom) == before
    assert not [
        event
        for event in newsroom.heard[since:]
        if isinstance(event, PhaseChanged) and event.session == "alice"
    ]


async def test_no_secret_is_in_the_report(newsroom: Newsroom, tables: dict[str, Any]) -> None:
    warden = await newsroom.start(signed_in=False)
    tables["loopback"]["accounts"][1]["password"] = "another horse"
    tables["storage"]["master_key"] = {"file": MasterKey.generate()[:20], "create": True}
    tables["pairs"][1] |= {"footer": "for your eyes only"}

    report = await warden.reload(config_of(newsroom, tables))

    assert {one.key for one in (*report.applied, *report.needs_restart)} == {
        "loopback.accounts",
        "storage.master_key",
        "pairs.2.footer",
    }
    assert "horse" not in repr(report)
    assert "for your eyes" not in repr(report)

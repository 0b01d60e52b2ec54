"""What a warden's health monitor finds and does, with real sessions on the data centre."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from telewarden import OfflineWarden
from telewarden.actors.forwarding.pausing import DISABLED
from telewarden.actors.health import steps
from telewarden.actors.messages import BY_MONITOR
from telewarden.config import parse_config
from telewarden.console.commands.catalogue import find
from telewarden.errors import ConfigError, DrillError
from telewarden.supervision import ChildQuarantined, ChildReleased, ChildStarted
from telewarden.telegram import (
    Health,
    HealthReason,
    HealthStep,
    HealthStepTaken,
    HealthVerdict,
    PairPaused,
    PairResumed,
    Phase,
    PhaseChanged,
    SessionRecovered,
    VerdictChanged,
)

from .conftest import ALICE, BOB, LOOK_EVERY, SOON, TABLES, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

OFTEN = {"sessions_every": 0.2, "groups_every": 0.2}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is due as soon as its reason stands."""
    table = {
        reason: tuple(replace(rule, after=0.0) for rule in rules)
        for reason, rules in steps.STEPS.items()
    }
    monkeypatch.setattr("telewarden.actors.health.steps.STEPS", table)


async def ends_login(newsroom: Newsroom) -> None:
    """Have Telegram end alice's login, and wait until her pair has come to rest for it."""
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PairPaused, session="alice", reason=DISABLED)


async def logs_in(newsroom: Newsroom) -> None:
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    await newsroom.warden.session("alice").import_string(string)


async def verdicts(newsroom: Newsroom) -> Mapping[str, HealthVerdict]:
    return {one.subject: one for one in (await newsroom.warden.overview()).verdicts}


async def audited(newsroom: Newsroom, what: str) -> list[tuple[str, Any]]:
    rows = await newsroom.warden.registry.audit(who="health monitor", what=what)
    return [(row.subject, row.after) for row in rows]


async def test_pairs_of_an_expired_session_are_disabled_and_go_on_when_it_is_logged_in_again(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()

    await ends_login(newsroom)
    newsroom.say("news_in", "meanwhile")
    expired = (await verdicts(newsroom))["session alice"]
    shown = await newsroom.warden.command("health", {})
    await logs_in(newsroom)
    await newsroom.hears(PairResumed, session="alice", pair=1)
    newsroom.say("news_in", "after")
    await newsroom.arrives("news_out", "meanwhile", "after")

    assert (expired.health, expired.reason) == (Health.EXPIRED, HealthReason.LOGIN_ENDED)
    assert [one.step for one in expired.steps] == [HealthStep.DISABLE]
    lines = [str(one) for one in find("health").show(shown.model_dump())]
    assert any(line.startswith("session alice is expired (login_ended) since ") for line in lines)
    assert any("disable 1x" in line for line in lines)
    assert await audited(newsroom, "disable pairs") == [("alice", {"pairs": [1]})]
    assert await audited(newsroom, "enable pairs") == [("alice", {"pairs": [1]})]
    assert not any(one.ill for one in (await verdicts(newsroom)).values())


async def test_only_what_the_monitor_disabled_comes_back_with_the_login(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    more = {"id": 3, "session": "alice", "source": "@news_in", "target": "me"}
    tables["pairs"] = [*tables["pairs"], {**more, "target": "@market_out"}]
    newsroom.reconfigure(tables)
    newsroom.chats["market_out"].join(newsroom.account(ALICE))
    newsroom.chats["market_out"].set_rights(newsroom.account(ALICE), admin=True)
    await newsroom.start()
    await newsroom.warden.pairs.pause(3)

    await ends_login(newsroom)
    await logs_in(newsroom)
    await newsroom.hears(PairResumed, session="alice", pair=1)

    pairs = await newsroom.pairs()
    assert pairs[1].paused is None
    assert (pairs[3].paused or "").startswith("paused by hand")


async def test_a_restart_keeps_the_verdict_and_the_pause_and_takes_no_step_again(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await ends_login(newsroom)
    before = (await verdicts(newsroom))["session alice"]
    await newsroom.stop()
    async with OfflineWarden(newsroom.config) as offline:
        between = (await offline.overview()).verdicts
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    found = (await verdicts(newsroom))["session alice"]
    async with asyncio.timeout(SOON):
        while 1 not in (pairs := await newsroom.pairs()):
            await asyncio.sleep(LOOK_EVERY)
    await logs_in(newsroom)
    await newsroom.hears(PairResumed, since=since, session="alice", pair=1)

    assert between == (before,)
    assert (found.reason, found.since, found.steps) == (before.reason, before.since, before.steps)
    assert pairs[1].paused == DISABLED
    told = [one for one in newsroom.heard[since:] if isinstance(one, HealthStepTaken)]
    assert told == []


def let_bob_in(newsroom: Newsroom) -> None:
    bob = newsroom.account(BOB)
    newsroom.chats["news_in"].join(bob)
    newsroom.chats["news_out"].join(bob)
    newsroom.chats["news_out"].set_rights(bob, admin=True)


async def serving(newsroom: Newsroom) -> dict[int, str]:
    return {plan.id: plan.session for plan in await newsroom.warden.pairs.list()}


@pytest.mark.usefixtures("at_once")
async def test_pairs_of_an_expired_session_move_to_its_fallback_and_stay_there(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {**OFTEN, "fallback": {"alice": "bob"}}
    newsroom.reconfigure(tables)
    let_bob_in(newsroom)
    await newsroom.start()

    newsroom.telegram.revoke(newsroom.account(ALICE))
    told = await newsroom.hears(HealthStepTaken, session="alice", step=HealthStep.MOVE)
    newsroom.say("news_in", "by bob")
    await newsroom.arrives("news_out", "by bob")
    since = newsroom.mark()
    await logs_in(newsroom)
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.ONLINE)

    assert (told.problem, told.detail) == ("", "to bob: pair 1")
    assert await serving(newsroom) == {1: "bob", 2: "bob"}
    assert await audited(newsroom, "reassign") == [("bob", {"session": "bob"})]


@pytest.mark.usefixtures("at_once")
async def test_a_fallback_that_cannot_serve_the_pairs_gets_none_and_it_is_told_why(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {**OFTEN, "fallback": {"alice": "bob"}}
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.telegram.revoke(newsroom.account(ALICE))
    told = await newsroom.hears(HealthStepTaken, session="alice", step=HealthStep.MOVE)

    assert "bob is not in its source" in told.problem
    assert await serving(newsroom) == {1: "alice", 2: "bob"}
    assert (await verdicts(newsroom))["session alice"].steps[-1].problem == told.problem


@pytest.mark.usefixtures("at_once")
async def test_a_session_that_is_not_told_of_a_source_takes_a_fresh_line(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.actors.forwarding.source_looks.HEARD_WITHIN", -5.0)
    tables["health"] = OFTEN
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.telegram.pushes.lose(newsroom.account(ALICE), 1)
    newsroom.say("news_in", "one")

    back = await newsroom.hears(SessionRecovered, session="alice", cause="source_deaf")

    step = await newsroom.hears(HealthStepTaken, session="alice", step=HealthStep.RECONNECT)
    assert (back.rung, step.group) == ("string", "group-1")
    await newsroom.arrives("news_out", "one")


SUBTREE = "sessions/session:alice"
GROUP = f"{SUBTREE}/groups/group-1"


@pytest.mark.usefixtures("at_once")
@pytest.mark.crashes("*:alice/session", DrillError)
@pytest.mark.crashes(logged="supervisor gives up")
@pytest.mark.crashes(logged="child quarantined")
@pytest.mark.crashes("*:alice*", dropped="*", possible=True)
async def test_a_session_that_is_kept_down_is_started_again(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = OFTEN
    tables["recovery"] = {**tables["recovery"], "restarts": 0}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    await warden.drill(f"{SUBTREE}/session")
    await newsroom.hears(ChildStarted, child=SUBTREE, incarnation=2)
    await warden.drill(f"{SUBTREE}/session")
    await newsroom.hears(ChildQuarantined, child=SUBTREE)
    await newsroom.hears(ChildReleased, child=SUBTREE)
    told = await newsroom.hears(HealthStepTaken, session="alice", step=HealthStep.RECOVER)
    await newsroom.hears(SessionRecovered, session="alice", cause=BY_MONITOR)

    assert (told.reason, told.problem) == (HealthReason.KEPT_DOWN, "")
    assert await audited(newsroom, "recover") == [("alice", None)]


@pytest.mark.usefixtures("at_once")
@pytest.mark.crashes("*:alice/groups/group-1", DrillError)
@pytest.mark.crashes("*:alice/groups/group-1", dropped="*", possible=True)
@pytest.mark.crashes(logged="child quarantined")
async def test_a_group_that_is_kept_down_is_released_with_its_session_told(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = OFTEN
    tables["recovery"] = {**tables["recovery"], "restarts": 0}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    await warden.drill(GROUP)
    await newsroom.hears(ChildReleased, child=GROUP)
    newsroom.say("news_in", "after")
    await newsroom.arrives("news_out", "after")

    told = await newsroom.hears(HealthStepTaken, session="alice", step=HealthStep.RECOVER)
    assert (told.reason, told.group) == (HealthReason.GROUP_DOWN, "")


async def test_a_pair_whose_chat_is_lost_makes_its_group_ill_until_it_is_back(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {**OFTEN, "recheck_initial": 0.01, "recheck_max": 0.01}
    newsroom.reconfigure(tables)
    await newsroom.start()
    chat, alice = newsroom.chats["news_in"], newsroom.account(ALICE)

    chat.kick(alice)
    ill = await newsroom.hears(VerdictChanged, group="group-1", reason=HealthReason.ACCESS_LOST)
    shown = (await verdicts(newsroom))["group alice/group-1"]
    exit_code = find("health").exit_code((await newsroom.warden.command("health", {})).model_dump())
    chat.join(alice)
    well = await newsroom.hears(
        VerdictChanged, session="alice", group="group-1", health=Health.HEALTHY
    )

    assert (ill.session, ill.before) == ("alice", Health.HEALTHY)
    assert shown.why[0].startswith("pair 1: CHANNEL_PRIVATE")
    assert exit_code == 1
    assert well.reason is HealthReason.WORKS


async def test_steps_and_fallbacks_are_taken_over_by_a_reload(newsroom: Newsroom) -> None:
    await newsroom.start()
    tables = TABLES | {"health": {"steps": ["notify"], "fallback": {"alice": "bob"}}}
    report = await newsroom.warden.reload(parse_config(tables, base=newsroom.folder))

    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(VerdictChanged, session="alice", reason=HealthReason.LOGIN_ENDED)

    changed = {one.key for one in report.applied}
    assert {"health.steps", "health.fallback"} <= changed
    assert report.needs_restart == () or all("health" not in str(x) for x in report.needs_restart)
    assert (await newsroom.pairs())[1].paused is None
    assert (await verdicts(newsroom))["session alice"].steps == ()


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        ({"fallback": {"alice": "carol"}}, "health.fallback names session 'carol'"),
        ({"fallback": {"dora": "bob"}}, "health.fallback names session 'dora'"),
        ({"fallback": {"alice": "alice"}}, "fallback of 'alice' is itself"),
        ({"steps": ["pray"]}, "health.steps"),
        ({"steps": "notify"}, "health.steps"),
    ],
)
def test_what_cannot_be_is_refused_by_name(health: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_config(TABLES | {"health": health})

"""Sessions in the registry: registered, changed, looked up, deleted; durable, whole, audited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from telewarden.actors import (
    HealthChanged,
    Journal,
    LimitsChanged,
    PairPlan,
    RegistryEvent,
    RegistryLimits,
    SessionChanged,
    SessionDeleted,
    SessionEntry,
    SessionPlan,
    SessionRegistered,
    best_session,
)
from telewarden.actors.registry.model import SessionStatus
from telewarden.actors.registry.placement import assign_pairs
from telewarden.errors import (
    BlockingAskError,
    ChildUnavailableError,
    DrillError,
    InvalidRecordError,
    InvalidSpecError,
    NoSessionFitsError,
    PairsAssignedError,
    RegistryError,
    RegistryFullError,
    SessionExistsError,
    SessionFullError,
    UnknownFieldError,
    UnknownSessionError,
)
from telewarden.storage import PairRecord, SessionRecord
from telewarden.supervision import Drill, ObserverFailed
from telewarden.telegram import Health, Phase
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors


def pair(number: int, session: str) -> PairPlan:
    return PairPlan(id=number, session=session, source=-number, target=number)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[RegistryKit]:
    async with RegistryKit(tmp_path) as kit:
        yield kit


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[RegistryKit]:
    """A registry with alice (3 pairs), bob and carol (2 pairs each at most), all healthy."""
    plans = (
        SessionPlan(
            record=SessionRecord(name="alice", phone="+12025550101", priority=1),
            pairs=tuple(pair(number, "alice") for number in (1, 2, 3)),
        ),
        SessionPlan(record=SessionRecord(name="bob", max_pairs=2)),
        SessionPlan(record=SessionRecord(name="carol", max_pairs=2, priority=7)),
    )
    async with RegistryKit(tmp_path, plans=plans) as kit:
        for name in ("alice", "bob", "carol"):
            await kit.report(name, Health.HEALTHY)
        yield kit


# Registering and changing


async def test_a_session_is_registered_and_still_there_after_a_restart(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        made = await kit.registry.sessions.register(
            "alice", phone="+12025550123", priority=2, max_pairs=7, metadata={"team": "news"}
        )

    async with RegistryKit(tmp_path) as again:
        found = again.registry.sessions.get("alice")

    assert (found.priority, found.max_pairs, found.phone) == (2, 7, "+12025550123")
    assert found.metadata == {"team": "news"}
    assert found.record == made.record


async def test_a_kits_own_names_are_free_after_a_restart_too(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        first = await kit.make_session()
    async with RegistryKit(tmp_path) as again:
        second = await again.make_session()
        assert {first.name, second.name} == {one.name for one in again.registry.sessions.list()}


async def test_it_is_not_seen_before_it_is_on_disk(kit: RegistryKit) -> None:
    asked = asyncio.ensure_future(kit.make_session("alice"))
    await asyncio.sleep(0)

    assert "alice" not in kit.registry.sessions
    await asked
    assert "alice" in kit.registry.sessions


async def test_a_name_is_taken_once(kit: RegistryKit) -> None:
    await kit.make_session("alice", priority=3)

    with pytest.raises(SessionExistsError, match="take another name"):
        await kit.make_session("alice")

    assert kit.registry.sessions.get("alice").priority == 3


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"priority": 0}, InvalidRecordError),
        ({"priority": 11}, InvalidRecordError),
        ({"priority": 5.0}, InvalidRecordError),
        ({"priority": True}, InvalidRecordError),
        ({"max_pairs": 51}, InvalidRecordError),
        ({"max_pairs": "9"}, InvalidRecordError),
        ({"phone": "12025550123"}, InvalidRecordError),
        ({"phone": 12025550123}, InvalidRecordError),
        ({"metadata": [1]}, InvalidRecordError),
        ({"metadata": {"a": [1]}}, InvalidRecordError),
        ({"metadata": {1: "a"}}, InvalidRecordError),
        ({"metadata": {"a": float("nan")}}, InvalidRecordError),
        ({"metadata": {"a": "\ud800"}}, InvalidRecordError),
        ({"prioritty": 1}, UnknownFieldError),
        ({"created": 1.0}, UnknownFieldError),
    ],
)
async def test_a_change_is_done_whole_or_not_at_all(
    kit: RegistryKit, fields: dict[str, object], error: type[Exception]
) -> None:
    before = await kit.make_session("alice")
    sensible = {"priority": 1, "max_pairs": 10} | fields

    with pytest.raises(error):
        await kit.registry.sessions.change("alice", **sensible)

    assert kit.registry.sessions.get("alice") == before


async def test_unknown_fields_are_refused_by_name(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    with pytest.raises(UnknownFieldError, match="cannot change color, size; give max_pairs") as no:
        await kit.registry.sessions.change("alice", priority=1, size=1, color="red")

    assert no.value.fields == ("color", "size")


async def test_several_fields_change_at_once(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    changed = await kit.registry.sessions.change("alice", priority=9, max_pairs=50)

    assert (changed.priority, changed.max_pairs) == (9, 50)
    assert kit.registry.sessions.get("alice") == changed


async def test_what_was_read_does_not_change_under_the_reader(kit: RegistryKit) -> None:
    await kit.make_session("alice", metadata={"n": 1})
    before = kit.registry.snapshot

    await kit.registry.sessions.change("alice", metadata={"n": 2}, priority=1)
    await kit.make_session("bob")

    assert before.sessions["alice"].metadata == {"n": 1}
    assert len(before.sessions) == 1
    assert kit.registry.snapshot.revision > before.revision
    with pytest.raises(TypeError):
        kit.registry.sessions.get("alice").metadata["n"] = 3  # type: ignore[index]  # on purpose


async def test_the_givers_own_mapping_is_not_kept(kit: RegistryKit) -> None:
    metadata = {"n": 1}
    await kit.make_session("alice", metadata=metadata)

    metadata["n"] = 2

    assert kit.registry.sessions.get("alice").metadata == {"n": 1}


async def test_many_are_changed_with_an_outcome_for_each(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    await kit.make_session("bob")

    outcomes = await kit.registry.sessions.change_many(
        {
            "alice": {"priority": 1},
            "nobody": {"priority": 1},
            "bob": {"priority": 99, "phone": None},
        }
    )

    assert [(one.name, one.error is None) for one in outcomes] == [
        ("alice", True),
        ("nobody", False),
        ("bob", False),
    ]
    assert kit.registry.sessions.get("alice").priority == 1
    assert kit.registry.sessions.get("bob").priority == 5
    assert isinstance(outcomes[1].error, UnknownSessionError)


async def test_what_is_no_mapping_of_fields_costs_the_other_changes_nothing(
    kit: RegistryKit,
) -> None:
    await kit.make_session("alice")
    await kit.make_session("bob")
    odd: Any = {"bob": None, "alice": {"priority": 3}}

    bob, alice = await kit.registry.sessions.change_many(odd)

    assert "give a mapping of fields" in str(bob.error)
    assert alice.entry is not None
    assert kit.registry.sessions.get("alice").priority == 3


@pytest.mark.parametrize("who", [None, "", 5, ["ann"], "ann\x00", "ann\n", "caf\udce9"])
async def test_a_change_in_nobodys_name_is_refused_and_costs_the_trail_nothing(
    kit: RegistryKit, who: Any
) -> None:
    await kit.make_session("alice")

    with pytest.raises(InvalidRecordError, match=r"who is .*; give a name"):
        await kit.registry.sessions.change("alice", priority=1, who=who)
    with pytest.raises(InvalidRecordError, match="who"):
        await kit.make_operation(who=who)

    assert kit.registry.sessions.get("alice").priority == 5
    assert [row.what for row in await kit.registry.audit()] == ["register"]


@pytest.mark.parametrize("name", [None, 5, b"alice", ["alice"]])
async def test_what_is_no_name_is_refused_as_such(kit: RegistryKit, name: Any) -> None:
    sessions = kit.registry.sessions
    for ask in (sessions.register(name), sessions.change(name, priority=1), sessions.delete(name)):
        with pytest.raises(InvalidRecordError, match=r"name is .*; give the name of a session"):
            await ask
    with pytest.raises(InvalidRecordError, match="session"):
        await kit.make_operation(session=name or 0)


async def test_a_refused_name_with_half_a_character_is_noted_and_the_trail_stays_readable(
    kit: RegistryKit,
) -> None:
    with pytest.raises(UnknownSessionError):
        await kit.registry.sessions.change("caf\udce9", priority=1)

    (row,) = await kit.registry.audit()
    assert (row.subject, row.outcome[:8]) == ("caf?", "refused:")


@pytest.mark.parametrize("within", [-1, float("nan"), float("inf"), 10**400, "1", None, True])
async def test_a_deletion_waits_for_a_time_that_makes_sense(kit: RegistryKit, within: Any) -> None:
    await kit.make_session("alice")

    with pytest.raises(InvalidRecordError, match="seconds from 0 to 86400"):
        await kit.registry.sessions.delete("alice", within=within)
    assert "alice" in kit.registry.sessions


async def test_a_session_that_is_not_there_is_named_with_those_that_are(kit: RegistryKit) -> None:
    for number in range(12):
        await kit.make_session(f"s{number:02}")

    with pytest.raises(UnknownSessionError, match=r"s00, .* s09 and 2 more") as no:
        await kit.registry.sessions.change("alice", priority=1)
    with pytest.raises(LookupError):
        kit.registry.sessions.get("alice")

    assert len(no.value.known) == 12


async def test_no_more_sessions_than_there_may_be(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path, limits=RegistryLimits(max_sessions=2)) as kit:
        await kit.make_session()
        await kit.make_session()

        with pytest.raises(RegistryFullError, match="raise max_sessions"):
            await kit.make_session()


# What a configuration declares


async def test_what_is_declared_is_declared_anew_at_each_start(tmp_path: Path) -> None:
    def plans(priority: int) -> tuple[SessionPlan, ...]:
        return (SessionPlan(record=SessionRecord(name="alice", priority=priority)),)

    async with RegistryKit(tmp_path, plans=plans(3)) as kit:
        await kit.registry.sessions.change("alice", priority=8)
    async with RegistryKit(tmp_path, plans=plans(4)) as kit:
        assert kit.registry.sessions.get("alice").priority == 4
        trail = await kit.registry.audit(subject="alice")
    async with RegistryKit(tmp_path) as kit:
        assert "alice" not in kit.registry.sessions  # nobody declares it any more

    assert [(row.who, row.what) for row in trail] == [
        ("configuration", "change"),
        ("app", "change"),
        ("configuration", "register"),
    ]


# Looking up


async def test_sessions_are_found_by_each_of_the_six_words(office: RegistryKit) -> None:
    sessions = office.registry.sessions
    await office.report("bob", Health.EXPIRED, phase=Phase.NEEDS_LOGIN)
    await sessions.delete("carol")

    found = {health: [one.name for one in sessions.by_health(health)] for health in Health}

    assert found == {
        Health.HEALTHY: ["alice"],
        Health.EXPIRED: ["bob"],
        Health.DELETED: ["carol"],
        Health.UNHEALTHY: [],
        Health.UNAUTHORIZED: [],
        Health.UNKNOWN: [],
    }
    with pytest.raises(InvalidRecordError, match="give healthy, unhealthy, expired"):
        sessions.by_health("fine")


async def test_nobody_can_change_what_a_snapshot_shows(office: RegistryKit) -> None:
    snapshot = office.registry.snapshot
    for shown in (snapshot.sessions, snapshot.by_health, snapshot.by_state, snapshot.operations):
        with pytest.raises(TypeError):
            shown["alice"] = None  # type: ignore[index]
    alice = office.registry.sessions.get("alice")
    with pytest.raises(FrozenInstanceError):
        alice.pairs = 7  # type: ignore[misc]


async def test_a_change_of_health_is_told_once(office: RegistryKit) -> None:
    await office.report("bob", Health.UNHEALTHY, phase=Phase.WAITING, reason="FLOOD_WAIT")
    await office.report("bob", Health.UNHEALTHY, phase=Phase.RECOVERING)

    told = office.log.of(HealthChanged, session="bob", before=Health.HEALTHY)

    assert [(one.after, one.reason) for one in told] == [(Health.UNHEALTHY, "FLOOD_WAIT")]


async def test_a_report_during_a_write_is_not_lost(office: RegistryKit) -> None:
    asked = asyncio.ensure_future(office.registry.sessions.change("bob", priority=2))
    await asyncio.sleep(0)
    await office.report("bob", Health.UNHEALTHY)
    await asked

    entry = office.registry.sessions.get("bob")

    assert (entry.priority, entry.health) == (2, Health.UNHEALTHY)


# The best session for one more pair


async def test_the_best_session_is_the_first_by_priority_that_has_room(office: RegistryKit) -> None:
    choice = office.registry.sessions.best()

    assert choice.name == "alice"
    assert choice.reason == "healthy, priority 1, 3 of 30 pairs"
    assert [one.name for one in choice.candidates] == ["alice", "bob", "carol"]


async def test_one_that_is_told_to_wait_or_ill_or_full_stands_behind(office: RegistryKit) -> None:
    sessions = office.registry.sessions
    await office.report("alice", Health.HEALTHY, until=office.now() + 30.0)
    assert sessions.best().name == "bob"
    assert "told to wait for 30 s more" in sessions.best().candidates[-1].reason

    await office.report("bob", Health.EXPIRED)
    assert sessions.best().name == "carol"
    assert sessions.best(exclude=("carol",)).name == "alice"

    await sessions.change("alice", max_pairs=3)
    with pytest.raises(NoSessionFitsError, match=r"alice: healthy, priority 1, full.*bob: expired"):
        sessions.best(exclude=("carol",))


@pytest.mark.parametrize("exclude", ["alice", None, 5])
async def test_who_is_excluded_is_a_collection_of_names(office: RegistryKit, exclude: Any) -> None:
    with pytest.raises(InvalidRecordError, match=r"exclude is .*; give a collection of names"):
        office.registry.sessions.best(exclude=exclude)


def test_many_pairs_find_the_places_that_each_would_find_alone() -> None:
    entries = {
        f"s{n}": SessionEntry(
            record=SessionRecord(name=f"s{n}", priority=1 + n % 3, max_pairs=1 + n % 5),
            status=SessionStatus(health=Health.UNHEALTHY if n % 7 else Health.HEALTHY),
        )
        for n in range(30)
    }

    places = assign_pairs(range(40), entries.values(), now=0.0)

    for pair in range(40):
        name = best_session(entries.values(), now=0.0, only_healthy=False).name
        assert places[pair] == name
        entries[name] = replace(entries[name], pairs=entries[name].pairs + 1)
    with pytest.raises(NoSessionFitsError, match=r"s0: healthy, priority 1, full"):
        assign_pairs(range(40, 100), entries.values(), now=0.0)


def test_a_pair_that_few_may_serve_takes_its_place_before_the_others() -> None:
    entries = [
        SessionEntry(
            record=SessionRecord(name=name, priority=priority, max_pairs=1),
            status=SessionStatus(health=Health.HEALTHY),
        )
        for priority, name in enumerate(("first", "second", "third"), start=1)
    ]
    unfit = frozenset({(3, "second"), (3, "third"), (2, "first")})

    assert assign_pairs((1, 2, 3), entries, now=0.0, unfit=unfit) == {
        1: "third",
        2: "second",
        3: "first",
    }
    with pytest.raises(NoSessionFitsError):
        assign_pairs((1, 2, 3), entries, now=0.0, unfit=unfit | {(3, "first")})


# Deleting


async def test_a_session_without_pairs_is_deleted_for_good(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")

        await kit.registry.sessions.delete("alice")

        with pytest.raises(UnknownSessionError):
            kit.registry.sessions.get("alice")
        await kit.hears(SessionDeleted, session="alice")
    async with RegistryKit(tmp_path) as again:
        assert len(again.registry.sessions) == 0


async def test_one_with_pairs_is_not_deleted(office: RegistryKit) -> None:
    with pytest.raises(PairsAssignedError, match="still has 3 pairs"):
        await office.registry.sessions.delete("alice")

    assert office.registry.sessions.get("alice").pairs == 3


async def test_by_force_its_pairs_go_to_others_that_have_room(office: RegistryKit) -> None:
    gone = await office.registry.sessions.delete("alice", force=True)

    assert gone.moved == {1: "bob", 2: "bob", 3: "carol"}
    assert [one.pairs for one in office.registry.sessions.list()] == [2, 1]


async def test_by_force_all_of_them_go_or_none(office: RegistryKit) -> None:
    await office.registry.sessions.change("carol", max_pairs=1)
    await office.registry.sessions.change("bob", max_pairs=1)

    with pytest.raises(NoSessionFitsError):
        await office.registry.sessions.delete("alice", force=True)

    assert [one.pairs for one in office.registry.sessions.list()] == [3, 0, 0]


async def left_behind(kit: RegistryKit, session: str) -> None:
    """A row of a pair that the configuration does not name any more."""
    record = PairRecord(id=9, session=session, source=-1, target=2)
    await Journal(kit.tree.ref("journal")).do(lambda store: store.put_pair(record))


async def test_a_row_of_a_pair_that_nobody_plans_keeps_its_session_unless_forced(
    kit: RegistryKit,
) -> None:
    await kit.make_session("alice")
    await kit.make_session("bob")
    await left_behind(kit, "alice")

    with pytest.raises(PairsAssignedError, match="with force \\(--force\\)"):
        await kit.registry.sessions.delete("alice")
    assert "alice" in kit.registry.sessions
    await kit.registry.sessions.delete("alice", force=True)

    left = await Journal(kit.tree.ref("journal")).do(lambda store: store.pair(9))
    assert left is not None
    assert left.session == "bob"
    assert "alice" not in kit.registry.sessions


async def test_the_last_session_goes_with_such_rows_if_forced(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    await left_behind(kit, "alice")

    await kit.registry.sessions.delete("alice", force=True)

    assert await Journal(kit.tree.ref("journal")).do(lambda store: store.pair(9)) is None
    assert len(kit.registry.sessions) == 0


async def test_a_name_is_free_again_after_a_deletion(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    await kit.registry.sessions.delete("alice")

    await kit.make_session("alice", priority=1)

    assert kit.registry.sessions.by_health(Health.DELETED) == ()
    assert kit.registry.sessions.get("alice").priority == 1


async def test_room_is_not_taken_from_pairs_that_are_there(office: RegistryKit) -> None:
    with pytest.raises(SessionFullError, match="would have 3 pairs and takes 2"):
        await office.registry.sessions.change("alice", max_pairs=2)


# Events and the audit trail


async def test_changes_are_told_without_phone_numbers(kit: RegistryKit) -> None:
    await kit.make_session("alice", phone="+12025550123")
    await kit.registry.sessions.change("alice", phone="+12025550145", priority=1, who="bot:7")

    await kit.hears(SessionRegistered, session="alice", who="app")
    changed = await kit.hears(SessionChanged, session="alice")

    assert changed.before == {"phone": "...23", "priority": 5}
    assert changed.after == {"phone": "...45", "priority": 1}
    everything = repr(kit.log.of(SessionRegistered)) + repr(await kit.registry.audit())
    assert "12025550" not in everything


async def test_the_audit_trail_has_every_change_and_every_refusal(kit: RegistryKit) -> None:
    sessions = kit.registry.sessions
    await kit.make_session("alice", who="cli")
    kit.turn(5.0)
    await sessions.change("alice", priority=1, who="bot:7")
    await sessions.change("alice", priority=1, who="bot:7")  # is so already
    with pytest.raises(RegistryError):
        await sessions.change("alice", size=1, who="page")
    with pytest.raises(RegistryError):
        await sessions.delete("nobody", who="page")
    await sessions.delete("alice", who="cli")

    trail = [
        (row.who, row.what, row.subject, row.outcome.partition(":")[0], row.at - 1_000_000.0)
        for row in await kit.registry.audit()
    ]

    assert trail == [
        ("cli", "delete", "alice", "done", 5.0),
        ("page", "delete", "nobody", "refused", 5.0),
        ("page", "change", "alice", "refused", 5.0),
        ("bot:7", "change", "alice", "done", 5.0),
        ("cli", "register", "alice", "done", 0.0),
    ]
    (changed,) = await kit.registry.audit(who="bot:7")
    assert (changed.before, changed.after) == ({"priority": 5}, {"priority": 1})


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": -1},
        {"limit": 10**30},
        {"limit": "all"},
        {"since": "yesterday"},
        {"since": datetime.now(UTC)},
        {"since": None},
        {"since": float("nan")},
        {"since": 10**400},
        {"subject": ["alice"]},
        {"subject": "caf\udce9"},
        {"who": 5},
        {"what": b"change"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_and_not_answered_with_nothing(
    kit: RegistryKit, asked: dict[str, Any]
) -> None:
    await kit.make_session("alice")

    with pytest.raises(InvalidRecordError, match=f"{next(iter(asked))} is .*; give"):
        await kit.registry.audit(**asked)


@pytest.mark.crashes(logged="observer detached observer=.*exits")
async def test_a_subscriber_that_exits_is_detached_and_reported(kit: RegistryKit) -> None:
    def exits(event: RegistryEvent) -> None:
        raise SystemExit(3)

    listener = kit.registry.subscribe(exits, [SessionRegistered])
    await kit.make_session("alice")

    failed = await kit.hears(ObserverFailed)
    assert isinstance(failed.error, SystemExit)
    assert listener.close()
    assert listener.closed


@pytest.mark.crashes(logged="observer detached observer=.*fail")
async def test_an_observer_that_raises_is_detached_and_reported(kit: RegistryKit) -> None:
    def fail(event: SessionRegistered) -> None:
        raise ValueError(event.session)

    listener = kit.registry.subscribe(fail, (SessionRegistered,))

    await kit.make_session("alice")
    told = await kit.hears(ObserverFailed)
    await kit.make_session("bob")

    assert "fail" in told.observer
    assert listener.close()
    assert len(kit.log.of(ObserverFailed)) == 1


async def test_nobody_waits_for_a_slow_subscriber(kit: RegistryKit) -> None:
    gate, heard = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def slow(event: SessionRegistered) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        heard.append(event.session)

    with kit.registry.subscribe(slow, (SessionRegistered,)) as listener:
        for name in ("alice", "bob"):
            await kit.make_session(name)
        assert heard == []  # both calls are over, and it has not even taken the first in
        gate.set()
        assert await asyncio.to_thread(listener.close)

    assert heard == ["alice", "bob"]


async def test_a_subscriber_hears_its_kinds_only_until_it_is_closed(kit: RegistryKit) -> None:
    heard: list[object] = []
    listener = kit.registry.subscribe(heard.append, (SessionRegistered,))
    await kit.make_session("alice")
    await kit.registry.sessions.change("alice", priority=1)
    assert await asyncio.to_thread(listener.close)

    await kit.make_session("bob")

    assert [type(one) for one in heard] == [SessionRegistered]
    assert listener.closed


# Limits, numbers, stopping


async def test_limits_are_changed_while_running(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    await kit.make_session("bob")

    limited = await kit.registry.reconfigure(max_sessions=1, who="cli")

    assert (limited.limits.max_sessions, limited.sessions_over) == (1, 1)
    assert len(kit.registry.sessions) == 2  # what is in use stays
    with pytest.raises(RegistryFullError):
        await kit.make_session("carol")
    assert (await kit.hears(LimitsChanged)).after.max_sessions == 1
    (row,) = await kit.registry.audit(what="reconfigure")
    assert (row.before, row.after) == ({"max_sessions": 10_000}, {"max_sessions": 1})


async def test_limits_that_are_as_wanted_already_are_not_changed(kit: RegistryKit) -> None:
    limited = await kit.registry.reconfigure(max_operations=10_000)

    assert limited.limits == RegistryLimits()
    assert kit.log.of(LimitsChanged) == ()
    assert await kit.registry.audit(what="reconfigure") == ()


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"max_sesions": 1}, UnknownFieldError),
        ({"max_sessions": 0}, InvalidSpecError),
        ({"max_operations": 1.5}, InvalidSpecError),
        ({"keep_any": 0}, InvalidSpecError),
        ({"stuck_after": "1h"}, InvalidSpecError),
        ({"warning_at": 0.95}, InvalidSpecError),
        ({"critical_at": 1.1}, InvalidSpecError),
        ({"tidy_every": 10**400}, InvalidSpecError),  # no timer takes it: the tree would go down
        ({"tidy_every": 1e-9}, InvalidSpecError),  # the loop would do nothing else
        ({"keep_any": float("inf")}, InvalidSpecError),
        ({"max_operations": 10**400}, InvalidSpecError),
    ],
)
async def test_limits_that_make_no_sense_change_nothing(
    kit: RegistryKit, limits: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await kit.registry.reconfigure(keep_failed=1.0, **limits)

    assert kit.registry.snapshot.limits == RegistryLimits()


@pytest.mark.parametrize(
    ("count", "overall"), [(6, "healthy"), (7, "warning"), (8, "warning"), (9, "critical")]
)
async def test_overall_health_follows_how_full_it_is(
    tmp_path: Path, count: int, overall: str
) -> None:
    async with RegistryKit(tmp_path, limits=RegistryLimits(max_sessions=10)) as kit:
        for _ in range(count):
            await kit.make_session()

        numbers = kit.registry.statistics()

    assert numbers.overall == overall
    assert numbers.session_use == count / 10
    assert numbers.reasons == (() if count < 7 else (f"{count}0% of max_sessions in use",))


async def test_the_numbers_of_sessions_and_pairs(office: RegistryKit) -> None:
    await office.report("bob", Health.UNHEALTHY)

    numbers = office.registry.statistics()

    assert {word: count for word, count in numbers.sessions.items() if count} == {
        "healthy": 2,
        "unhealthy": 1,
    }
    assert (numbers.pairs, numbers.pair_room, numbers.pair_use) == (3, 34, 3 / 34)


async def test_nobody_can_write_into_metadata_not_even_where_there_are_none(
    office: RegistryKit,
) -> None:
    await office.make_session("dave")

    for name in ("alice", "dave"):
        metadata: Any = office.registry.sessions.get(name).metadata
        with pytest.raises(TypeError):
            metadata["team"] = "news"
    assert office.registry.sessions.get("dave").metadata == {}


async def test_a_blocking_call_inside_the_loop_names_the_handles_that_may_be_awaited(
    office: RegistryKit,
) -> None:
    with pytest.raises(BlockingAskError, match=r"await the same method of `warden\.sessions`"):
        office.blocking.sessions.change("alice", priority=1)


@pytest.mark.crashes("registry", DrillError)
async def test_a_crash_costs_nothing_that_was_answered(office: RegistryKit) -> None:
    await office.make_session("dave", metadata={"n": 1})
    before = office.registry.snapshot

    office.tree.ref("registry").tell(Drill(reason="test"))
    await office.registry.sessions.change("dave", priority=1)

    after = office.registry.snapshot
    assert after.revision > before.revision
    assert after.sessions["dave"].metadata == MappingProxyType({"n": 1})
    assert after.sessions["alice"].health is Health.HEALTHY  # how it was is not forgotten either
    assert after.sessions["alice"].pairs == 3


@pytest.mark.crashes("registry", DrillError)
async def test_a_question_that_is_open_when_it_crashes_is_answered_at_once(
    office: RegistryKit,
) -> None:
    asked = asyncio.ensure_future(office.registry.audit())
    await asyncio.sleep(0)
    office.tree.ref("registry").tell(Drill(reason="test"))

    with pytest.raises(ChildUnavailableError, match="registry is unavailable"):
        await asyncio.wait_for(asked, 5)
    assert await office.registry.audit()


async def test_plain_code_uses_it_from_any_thread_but_its_own(kit: RegistryKit) -> None:
    with pytest.raises(BlockingAskError):
        kit.blocking.sessions.register("alice")

    made = await asyncio.to_thread(kit.blocking.sessions.register, "alice", priority=4)

    assert kit.blocking.sessions.get("alice") == made


def test_plain_code_has_the_same_handles(tmp_path: Path) -> None:
    with RegistryKit(tmp_path) as kit:
        sessions = kit.blocking.sessions
        sessions.register("alice")
        assert sessions.change("alice", priority=2).priority == 2
        assert sessions.change_later("alice", priority=3).get(timeout=5.0).priority == 3
        (outcome,) = sessions.change_many({"alice": {"priority": 4}})
        assert outcome.entry == sessions.get("alice")
        with pytest.raises(UnknownFieldError):
            sessions.change("alice", size=1)
        assert kit.blocking.reconfigure(max_sessions=5).limits.max_sessions == 5
        assert sessions.delete("alice").moved == {}
        assert [row.what for row in kit.blocking.audit(limit=2)] == ["delete", "reconfigure"]
        assert kit.log.waits_for(SessionDeleted, session="alice").who == "app"

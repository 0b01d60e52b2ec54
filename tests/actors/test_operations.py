"""Operations: begun, advanced, watched, ended, forgotten; by hand and by what sessions tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telewarden.actors import (
    Journal,
    Operation,
    OperationEnded,
    OperationEvent,
    OperationProgressed,
    OperationRemoved,
    OperationStarted,
    OperationState,
    OperationStuck,
    PairPlan,
    Part,
    RegistryLimits,
    SessionPlan,
)
from telewarden.actors.registry.changes.pairs import RemovePair
from telewarden.actors.registry.messages import BeginTransfer
from telewarden.errors import (
    AskTimeoutError,
    BlockingAskError,
    DrillError,
    InvalidRecordError,
    InvalidSpecError,
    NotRunningError,
    OperationDroppedError,
    OperationEndedError,
    RegistryFullError,
    TelewardenError,
    UnknownOperationError,
    UnknownSessionError,
)
from telewarden.storage import SessionRecord
from telewarden.supervision import ChildStarted, Drill, ask_async
from telewarden.telegram import BackfillProgress, Phase, PhaseChanged, RecoveryTried
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[RegistryKit]:
    async with RegistryKit(tmp_path) as kit:
        yield kit


def texts(operation: Operation) -> dict[int, str]:
    return {part.number: part.text for part in operation.parts}


# From the beginning to the end


async def test_an_operation_says_how_far_it_is(kit: RegistryKit) -> None:
    operations = kit.registry.operations
    begun = await operations.begin("backfill", steps=4, description="reading", parts=["a", "b"])
    kit.turn(5.0)

    now = await operations.advance(begun.id, step=1, description="sending")

    assert (now.step, now.steps, now.progress, now.description) == (1, 4, 0.25, "sending")
    assert (now.started, now.updated, now.ended) == (1_000_000.0, 1_000_005.0, None)
    assert operations.get(begun.id) == now
    assert now.active


async def test_parts_are_added_replaced_and_set_as_a_whole(kit: RegistryKit) -> None:
    operations = kit.registry.operations
    begun = await kit.make_operation(parts=["first", "second"])

    await operations.put_part(begun.id, 4, "fourth")
    replaced = await operations.put_part(begun.id, 2, "second, again")
    assert texts(replaced) == {1: "first", 2: "second, again", 4: "fourth"}

    assert (await operations.set_parts(begun.id, ["all", "new"])).parts == (
        Part(1, "all"),
        Part(2, "new"),
    )


async def test_it_ends_finished_failed_or_cancelled_and_then_stays_so(kit: RegistryKit) -> None:
    operations = kit.registry.operations
    first, second, third = [await kit.make_operation(steps=3) for _ in range(3)]

    finished = await operations.finish(first.id, description="all sent")
    failed = await operations.fail(second.id, "no room")
    cancelled = await operations.cancel(third.id)

    assert (finished.state, finished.step, finished.description) == ("finished", 3, "all sent")
    assert (failed.state, failed.step, failed.error) == ("failed", 0, "no room")
    assert cancelled.state is OperationState.CANCELLED
    with pytest.raises(OperationEndedError, match="is failed; begin another"):
        await operations.advance(second.id, step=1)
    with pytest.raises(OperationEndedError):
        await operations.finish(second.id)


async def test_operations_are_found_by_state_kind_and_session(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    backup = await kit.make_operation("backup")
    login = await kit.make_operation("login", session="alice")
    await kit.registry.operations.finish(backup.id)

    def ids(**wanted: str) -> list[int]:
        return [one.id for one in kit.registry.operations.list(**wanted)]  # type: ignore[arg-type]  # names as text

    assert ids() == [backup.id, login.id]
    assert ids(state="finished") == [backup.id]
    assert ids(kind="login") == ids(session="alice") == ids(state="running") == [login.id]
    with pytest.raises(InvalidRecordError, match="done"):
        ids(state="done")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"kind": "Back up"}, InvalidRecordError),
        ({"kind": 5}, InvalidRecordError),
        ({"steps": 0}, InvalidRecordError),
        ({"steps": 1.5}, InvalidRecordError),
        ({"description": 3}, InvalidRecordError),
        ({"parts": [3]}, InvalidRecordError),
        ({"parts": "abc"}, InvalidRecordError),
        ({"parts": None}, InvalidRecordError),
        ({"session": "nobody"}, UnknownSessionError),
    ],
)
async def test_one_that_makes_no_sense_does_not_begin(
    kit: RegistryKit, fields: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await kit.make_operation(**{"kind": "backup"} | fields)  # type: ignore[arg-type]  # on purpose

    assert len(kit.registry.operations) == 0


async def test_a_word_that_names_no_state_or_choice_is_refused_with_those_that_do(
    kit: RegistryKit,
) -> None:
    with pytest.raises(InvalidRecordError, match="running, finished, failed, cancelled"):
        kit.registry.operations.list(state="done")
    for word in ("old", ["all"]):
        with pytest.raises(InvalidRecordError, match="expired, finished, failed, all"):
            await kit.registry.operations.clean(word)  # type: ignore[arg-type]


@pytest.mark.parametrize("id_", ["1", 1.0, True, None, [1]])
async def test_what_is_no_number_is_refused_as_such(kit: RegistryKit, id_: Any) -> None:
    await kit.make_operation()
    operations = kit.registry.operations

    for ask in (
        operations.advance(id_, step=1),
        operations.put_part(id_, 1, "x"),
        operations.set_parts(id_, ["x"]),
        operations.finish(id_),
    ):
        with pytest.raises(InvalidRecordError, match=r"id is .*; give an operation's number"):
            await ask
    with pytest.raises(UnknownOperationError):
        operations.get([1])  # type: ignore[arg-type]


async def test_a_step_beyond_the_last_is_refused(kit: RegistryKit) -> None:
    operation = await kit.make_operation(steps=2)

    with pytest.raises(InvalidRecordError, match="0 to 2"):
        await kit.registry.operations.advance(operation.id, step=3)
    assert (await kit.registry.operations.advance(operation.id, step=3, steps=3)).progress == 1.0


async def test_odd_text_is_kept_as_far_as_it_can_be(kit: RegistryKit) -> None:
    operation = await kit.make_operation(description="a\x00b \ud800 ü 漢")

    assert operation.description == "ab ? ü 漢"


# Over restarts


async def test_what_has_ended_is_there_after_a_restart_and_what_ran_has_failed(
    tmp_path: Path,
) -> None:
    async with RegistryKit(tmp_path) as kit:
        ended = await kit.make_operation(parts=["a"])
        ended = await kit.registry.operations.finish(ended.id)
        running = await kit.make_operation()

    async with RegistryKit(tmp_path) as again:
        assert again.registry.operations.get(ended.id) == ended
        failed = again.registry.operations.get(running.id)
        another = await again.make_operation()

    assert (failed.state, failed.error) == ("failed", "the process ended before it did")
    assert another.id == running.id + 1


async def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        last = await kit.make_operation()
        await kit.registry.operations.finish(last.id)
        await kit.registry.operations.clean("all")

    async with RegistryKit(tmp_path) as again:
        assert (await again.make_operation()).id == last.id + 1


@pytest.mark.crashes("registry", DrillError)
async def test_a_crash_of_the_registry_interrupts_nothing(kit: RegistryKit) -> None:
    operation = await kit.make_operation(steps=2)

    kit.tree.ref("registry").tell(Drill(reason="test"))

    assert (await kit.registry.operations.advance(operation.id, step=1)).active


# Watching


async def test_progress_is_watched_to_the_end(kit: RegistryKit) -> None:
    operations = kit.registry.operations
    operation = await kit.make_operation(steps=2)
    seen: list[tuple[str, int]] = []

    async def watch() -> None:
        seen.extend([(now.state.value, now.step) async for now in operations.watch(operation.id)])

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    await operations.advance(operation.id, step=1)
    await operations.finish(operation.id)
    await watching

    assert seen == [("running", 0), ("running", 1), ("finished", 2)]


async def test_watching_one_that_is_forgotten_says_so(kit: RegistryKit) -> None:
    operation = await kit.make_operation()
    watching = kit.registry.operations.watch(operation.id)
    await anext(watching)
    kit.turn(hours=25)

    with pytest.raises(OperationDroppedError, match="removed before it ended"):
        await anext(watching)


async def test_watching_one_ends_when_the_registry_stops(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        operation = await kit.make_operation()
        watching = kit.registry.operations.watch(operation.id)
        await anext(watching)

    with pytest.raises(NotRunningError, match=r"registry is not running; operation 1 ended"):
        await asyncio.wait_for(anext(watching), 5)
    with pytest.raises(TelewardenError):
        await kit.registry.operations.advance(operation.id, step=1)


@pytest.mark.crashes("registry", DrillError)
async def test_an_end_that_a_crash_kept_from_being_told_is_seen_all_the_same(
    kit: RegistryKit,
) -> None:
    operation = await kit.make_operation()
    watching = kit.registry.operations.watch(operation.id)
    await anext(watching)
    ended = replace(operation, state=OperationState.FINISHED, ended=kit.now())
    await Journal(kit.tree.ref("journal")).do(lambda store: store.put_operations([ended]))

    kit.tree.ref("registry").tell(Drill(reason="test"))

    assert (await asyncio.wait_for(anext(watching), 5)).state == "finished"
    with pytest.raises(StopAsyncIteration):
        await anext(watching)


@pytest.mark.crashes("registry", DrillError)
async def test_a_crash_of_the_registry_is_no_step_to_who_watches(kit: RegistryKit) -> None:
    operation = await kit.make_operation(steps=2)
    watching = kit.registry.operations.watch(operation.id)
    await anext(watching)

    kit.tree.ref("registry").tell(Drill(reason="test"))
    await kit.registry.operations.advance(operation.id, step=1)

    assert (await asyncio.wait_for(anext(watching), 5)).step == 1


async def test_watching_in_the_loop_from_plain_code_is_refused_at_once(kit: RegistryKit) -> None:
    operation = await kit.make_operation()

    with pytest.raises(BlockingAskError):
        kit.blocking.operations.watch(operation.id)


def test_watching_from_plain_code_ends_when_the_registry_stops(tmp_path: Path) -> None:
    with RegistryKit(tmp_path) as kit:
        watching = kit.blocking.operations.watch(kit.blocking.operations.begin("backfill").id)
        next(watching)

    with pytest.raises(NotRunningError, match="operation 1 ended with it"):
        next(watching)


async def test_watching_one_that_is_over_tells_it_once(kit: RegistryKit) -> None:
    operation = await kit.make_operation()
    await kit.registry.operations.fail(operation.id, "no")

    assert [one.error async for one in kit.registry.operations.watch(operation.id)] == ["no"]
    with pytest.raises(UnknownOperationError):
        await anext(kit.registry.operations.watch(99))


async def test_a_block_is_tracked_to_its_end_whatever_that_is(kit: RegistryKit) -> None:
    operations = kit.registry.operations

    async with operations.track("backup", steps=2, who="cli") as tracked:
        await tracked.step(1, "copying")
        await tracked.parts(["alice", "bob"])
        await tracked.part(2, "carol")
        await tracked.describe("checking", steps=3)
        assert (operations.get(tracked.id).steps, operations.get(tracked.id).step) == (3, 1)
    with pytest.raises(TelewardenError):
        async with operations.track("move"):
            raise TelewardenError("no room")
    with pytest.raises(asyncio.CancelledError):
        async with operations.track("backfill"):
            raise asyncio.CancelledError

    assert [(one.kind, one.state.value, one.error) for one in operations.list()] == [
        ("backup", "finished", ""),
        ("move", "failed", "no room"),
        ("backfill", "cancelled", ""),
    ]
    backup = operations.list()[0]
    assert (backup.description, texts(backup)) == ("checking", {1: "alice", 2: "carol"})
    ended = await kit.registry.audit(what="end", who="cli")
    assert [row.subject for row in ended] == [f"operation {backup.id}"]


async def test_the_works_own_error_is_told_even_if_its_end_cannot_be_noted(
    kit: RegistryKit, caplog: pytest.LogCaptureFixture
) -> None:
    operations = kit.registry.operations

    async def move() -> None:
        async with operations.track("move") as tracked:
            await operations.cancel(tracked.id)
            raise TelewardenError("no room")

    with pytest.raises(TelewardenError, match="no room"):
        await move()

    assert "operation's end not noted" in caplog.text


async def test_a_subscriber_nobody_would_await_is_refused(kit: RegistryKit) -> None:
    async def hear(event: OperationEvent) -> None: ...

    with pytest.raises(InvalidSpecError, match="plain function"):
        kit.registry.operations.subscribe(hear)
    with pytest.raises(InvalidSpecError, match="list of classes"):
        kit.registry.operations.subscribe(print, OperationEnded)  # type: ignore[arg-type]


async def test_subscribers_hear_of_each_step(kit: RegistryKit) -> None:
    heard: list[OperationEvent] = []
    listener = kit.registry.operations.subscribe(heard.append)
    operation = await kit.make_operation()
    await kit.registry.operations.advance(operation.id, step=1)
    await kit.registry.operations.finish(operation.id)

    assert await asyncio.to_thread(listener.close)
    assert [type(one) for one in heard] == [OperationStarted, OperationProgressed, OperationEnded]


# Forgetting


@pytest.mark.parametrize(
    ("state", "kept_for"),
    [("finished", 6 * 3600.0), ("cancelled", 6 * 3600.0), ("failed", 3600.0), ("running", 86400.0)],
)
async def test_each_is_kept_for_its_time_and_not_longer(
    kit: RegistryKit, state: str, kept_for: float
) -> None:
    operations = kit.registry.operations
    operation = await kit.make_operation()
    match state:
        case "finished":
            await operations.finish(operation.id)
        case "cancelled":
            await operations.cancel(operation.id)
        case "failed":
            await operations.fail(operation.id, "no")

    kit.turn(kept_for - 60.0)
    assert await operations.clean() == ()
    kit.turn(60.0)

    removed = await kit.hears(OperationRemoved)
    assert removed.operation.id == operation.id
    with pytest.raises(UnknownOperationError, match="may have expired"):
        operations.get(operation.id)


async def test_a_running_one_that_makes_progress_is_not_forgotten(kit: RegistryKit) -> None:
    operation = await kit.make_operation(steps=100)
    for step in range(1, 5):
        kit.turn(hours=23)
        await kit.registry.operations.advance(operation.id, step=step)

    assert kit.registry.operations.get(operation.id).step == 4


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("finished", ["failed", "running"]),
        ("failed", ["finished", "cancelled", "running"]),
        ("all", ["running"]),
        ("expired", ["finished", "failed", "cancelled", "running"]),
    ],
)
async def test_they_are_cleaned_by_hand_and_a_running_one_stays(
    kit: RegistryKit, what: str, left: list[str]
) -> None:
    operations = kit.registry.operations
    ids = [(await kit.make_operation()).id for _ in range(4)]
    await operations.finish(ids[0])
    await operations.fail(ids[1], "no")
    await operations.cancel(ids[2])

    removed = await operations.clean(what, who="cli")  # type: ignore[arg-type]  # parametrized

    assert [one.state.value for one in operations.list()] == left
    assert len(removed) == 4 - len(left)


async def test_room_is_made_by_the_expired_then_by_the_ended_never_by_the_running(
    tmp_path: Path,
) -> None:
    async with RegistryKit(tmp_path, limits=RegistryLimits(max_operations=4)) as kit:
        operations = kit.registry.operations
        old, failed, finished, running = [await kit.make_operation() for _ in range(4)]
        await operations.finish(old.id)
        await operations.fail(failed.id, "no")
        kit.clock._now += 3700.0  # past the hour, before anybody has tidied up
        await operations.finish(finished.id)

        first = await kit.make_operation()
        assert [one.id for one in operations.list()] == [old.id, finished.id, running.id, first.id]
        second = await kit.make_operation()
        assert old.id not in [one.id for one in operations.list()]
        third = await kit.make_operation()
        with pytest.raises(RegistryFullError, match=r"limit is 4.*raise max_operations"):
            await kit.make_operation()

        ids = [one.id for one in operations.list()]
    assert ids == [running.id, first.id, second.id, third.id]


async def test_a_lower_maximum_cleans_up_but_leaves_the_running(kit: RegistryKit) -> None:
    ids = [(await kit.make_operation()).id for _ in range(6)]
    for id_ in ids[:3]:
        await kit.registry.operations.finish(id_)

    limited = await kit.registry.reconfigure(max_operations=4)
    assert (limited.removed, limited.operations_over) == (tuple(ids[:2]), 0)

    limited = await kit.registry.reconfigure(max_operations=1)
    assert (limited.removed, limited.operations_over) == ((ids[2],), 2)
    assert [one.id for one in kit.registry.operations.list()] == ids[3:]


async def test_one_that_finds_no_room_costs_those_that_are_over_nothing(kit: RegistryKit) -> None:
    running = [await kit.make_operation() for _ in range(4)]
    await kit.registry.reconfigure(max_operations=2)
    await kit.registry.operations.finish(running[0].id)

    with pytest.raises(RegistryFullError):
        await kit.make_operation()

    assert [one.id for one in kit.registry.operations.list(state="finished")] == [running[0].id]
    assert kit.log.of(OperationRemoved) == ()


async def test_what_a_lower_maximum_removes_is_in_the_audit_trail(kit: RegistryKit) -> None:
    for _ in range(3):
        await kit.registry.operations.finish((await kit.make_operation()).id)

    limited = await kit.registry.reconfigure(max_operations=1)

    (row,) = await kit.registry.audit(what="reconfigure")
    assert row.after == {"max_operations": 1, "removed": [1, 2]}
    assert limited.removed == (1, 2)


async def test_shorter_times_clean_up_at_once(kit: RegistryKit) -> None:
    operation = await kit.make_operation()
    await kit.registry.operations.finish(operation.id)
    kit.turn(minutes=10)

    limited = await kit.registry.reconfigure(keep_finished=300.0, tidy_every=5.0)

    assert limited.removed == (operation.id,)


# Numbers


async def test_one_without_progress_is_called_stuck_once(kit: RegistryKit) -> None:
    operation = await kit.make_operation()
    kit.turn(minutes=29)
    assert kit.registry.operations.stuck() == ()
    kit.turn(minutes=2)

    assert (await kit.hears(OperationStuck)).operation.id == operation.id
    assert [one.id for one in kit.registry.operations.stuck()] == [operation.id]
    numbers = kit.registry.statistics()
    assert (numbers.overall, numbers.stuck, numbers.reasons) == (
        "warning",
        (operation.id,),
        ("1 operations stuck",),
    )
    kit.turn(minutes=10)
    await kit.registry.operations.advance(operation.id, step=1)
    assert kit.registry.operations.stuck() == ()
    assert len(kit.log.of(OperationStuck)) == 1


@pytest.mark.crashes("registry", DrillError)
async def test_a_stuck_operation_is_not_told_again_when_the_registry_comes_back(
    kit: RegistryKit,
) -> None:
    await kit.make_operation()
    kit.turn(minutes=31)
    await kit.hears(OperationStuck)

    kit.tree.ref("registry").tell(Drill(reason="test"))
    await kit.make_operation("move")  # answered by the next incarnation
    kit.turn(minutes=2)
    await kit.registry.audit()

    assert len(kit.log.of(OperationStuck)) == 1


async def test_ages_are_counted_in_buckets(tmp_path: Path) -> None:
    limits = RegistryLimits(keep_any=1e9)
    async with RegistryKit(tmp_path, limits=limits) as kit:
        for hours in (20, 4, 1.5, 0):  # ages at the end: 25.5, 5.5, 1.5 and 0 hours
            await kit.make_operation()
            kit.turn(hours=hours)
        kit.turn(minutes=0)
        numbers = kit.registry.statistics()

    assert numbers.ages.buckets == {"<1h": 1, "1-6h": 2, "6-24h": 0, ">24h": 1}
    assert (numbers.ages.oldest, numbers.ages.newest) == (25.5 * 3600, 0.0)
    assert numbers.ages.average == pytest.approx((25.5 + 5.5 + 1.5) * 3600 / 4)
    assert numbers.operations["running"] == 4
    assert numbers.operation_use == 4 / 10_000


# What sessions tell


def phase(before: Phase, after: Phase, reason: str = "", *, session: str = "alice") -> PhaseChanged:
    return PhaseChanged(session=session, at=0.0, before=before, after=after, reason=reason)


async def test_a_recovery_is_followed_rung_by_rung(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    kit.events.publish(phase(Phase.ONLINE, Phase.RECOVERING, "connection lost"))
    for rung, attempt, problem in (("string", 1, "NET"), ("string", 2, "NET"), ("file", 1, "")):
        kit.events.publish(
            RecoveryTried(session="alice", at=0.0, rung=rung, attempt=attempt, problem=problem)
        )
    kit.events.publish(phase(Phase.RECOVERING, Phase.ONLINE, "by file"))

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.kind, operation.session, operation.who) == ("recovery", "alice", "warden")
    assert (operation.state, operation.step, operation.description) == ("finished", 3, "by file")
    assert texts(operation) == {
        1: "string, try 1: NET",
        2: "string, try 2: NET",
        3: "file, try 1: worked",
    }


async def test_a_recovery_that_ends_elsewhere_has_failed(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    kit.events.publish(phase(Phase.REGISTERED, Phase.RECOVERING, "start"))
    kit.events.publish(
        RecoveryTried(session="alice", at=0.0, rung="string", attempt=1, problem="SESSION_REVOKED")
    )
    kit.events.publish(phase(Phase.RECOVERING, Phase.NEEDS_LOGIN, "no copy is left"))

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.state, operation.error) == ("failed", "no copy is left")


async def test_a_start_without_a_login_has_nothing_to_recover(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    kit.events.publish(phase(Phase.REGISTERED, Phase.RECOVERING, "start"))
    kit.events.publish(phase(Phase.RECOVERING, Phase.NEEDS_LOGIN, "no stored login"))

    await kit.registry.audit()  # asked after the rest was heard
    assert kit.registry.operations.list() == ()


async def test_a_start_that_works_at_once_is_no_recovery(kit: RegistryKit) -> None:
    for name in ("alice", "bob"):
        await kit.make_session(name)
        kit.events.publish(phase(Phase.REGISTERED, Phase.RECOVERING, "start", session=name))
    for name, problem in (("alice", ""), ("bob", "NET")):
        kit.events.publish(
            RecoveryTried(session=name, at=0.0, rung="string", attempt=1, problem=problem)
        )
    kit.events.publish(phase(Phase.RECOVERING, Phase.ONLINE, "by string"))

    assert (await kit.hears(OperationStarted)).operation.session == "bob"
    await kit.registry.audit()  # asked after the rest was heard
    (operation,) = kit.registry.operations.list()
    assert (operation.description, texts(operation)) == ("start", {1: "string, try 1: NET"})


async def test_a_login_is_followed_from_the_code_to_the_recovery(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    kit.events.publish(phase(Phase.NEEDS_LOGIN, Phase.AWAITING_CODE))
    kit.events.publish(phase(Phase.AWAITING_CODE, Phase.AWAITING_PASSWORD))
    assert (
        await kit.hears(OperationProgressed)
    ).operation.description == "waiting for the password"
    kit.events.publish(phase(Phase.AWAITING_PASSWORD, Phase.CONNECTING, "logging in"))
    kit.events.publish(phase(Phase.CONNECTING, Phase.RECOVERING, "login"))

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.kind, operation.state) == ("login", "finished")
    await kit.registry.audit()  # asked after the rest was heard
    assert [one.kind for one in kit.registry.operations.list(state="running")] == ["recovery"]


async def test_a_backfill_is_followed_pair_by_pair(kit: RegistryKit) -> None:
    await kit.make_session("alice")

    for pair, at, done in ((1, 100, False), (2, 50, False), (1, 250, True)):
        kit.events.publish(
            BackfillProgress(
                session="alice", at=0.0, pair=pair, at_message=at, until=250, found=at, done=done
            )
        )

    ended = (await kit.hears(OperationEnded)).operation
    assert (ended.kind, ended.session, ended.step, ended.steps) == ("backfill", "alice", 250, 250)
    assert ended.description == "backfill of pair 1, up to message 250: 250 to send"
    assert [(one.step, one.steps) for one in kit.registry.operations.list(state="running")] == [
        (50, 250)
    ]


def progress(pair: int, at: int, *, session: str = "alice", done: bool = False) -> BackfillProgress:
    return BackfillProgress(
        session=session, at=0.0, pair=pair, at_message=at, until=250, found=at, done=done
    )


@pytest.mark.crashes("registry", DrillError)
async def test_a_backfill_is_one_operation_when_its_pair_moves_and_the_registry_crashes(
    kit: RegistryKit,
) -> None:
    for name in ("alice", "bob"):
        await kit.make_session(name)
    kit.events.publish(progress(1, 100))
    await kit.hears(OperationProgressed)
    kit.tree.ref("registry").tell(Drill(reason="test"))
    await kit.hears(ChildStarted, child="registry", incarnation=2)
    await kit.registry.audit()  # it is back, and listens

    kit.events.publish(progress(1, 200, session="bob"))
    kit.events.publish(progress(1, 250, session="bob", done=True))

    await kit.hears(OperationEnded)
    (operation,) = kit.registry.operations.list()
    assert (operation.state, operation.step) == ("finished", 250)


async def test_a_backfill_ends_with_its_pair(tmp_path: Path) -> None:
    pair = PairPlan(id=1, session="alice", source="@in", target="@out")
    plan = SessionPlan(record=SessionRecord(name="alice"), pairs=(pair,))
    async with RegistryKit(tmp_path, plans=(plan,)) as kit:
        kit.events.publish(progress(1, 100))
        await kit.hears(OperationProgressed)

        registry = kit.tree.ref("registry")
        await ask_async(registry, BeginTransfer(frozenset({1})), timeout=10.0)
        await ask_async(registry, RemovePair(pair=1, who="ann"), timeout=10.0)

        operation = (await kit.hears(OperationEnded)).operation
    assert (operation.kind, operation.error) == ("backfill", "the pair was removed")


async def test_what_was_followed_of_a_session_ends_when_it_is_deleted(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    kit.events.publish(phase(Phase.ONLINE, Phase.RECOVERING, "connection lost"))
    await kit.hears(OperationStarted)

    await kit.registry.sessions.delete("alice")

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.state, operation.error) == ("failed", "the session was deleted")


async def test_a_login_has_failed_when_its_session_crashes(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    kit.events.publish(phase(Phase.NEEDS_LOGIN, Phase.AWAITING_CODE))
    kit.events.publish(phase(Phase.REGISTERED, Phase.RECOVERING, "after a crash"))

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.kind, operation.state) == ("login", "failed")


async def test_a_phase_that_nobody_heard_of_is_seen_in_the_next_report(kit: RegistryKit) -> None:
    await kit.make_session("alice")
    kit.events.publish(phase(Phase.ONLINE, Phase.RECOVERING, "connection lost"))
    await kit.hears(OperationStarted)

    await kit.report("alice", "unhealthy", phase=Phase.CONNECTING)  # of before: says nothing
    assert kit.log.of(OperationEnded) == ()
    kit.turn(1.0)
    await kit.report("alice", "healthy", reason="by string")

    operation = (await kit.hears(OperationEnded)).operation
    assert (operation.kind, operation.state) == ("recovery", "finished")


async def test_a_number_is_never_given_twice_however_short_its_operation_lived(
    tmp_path: Path,
) -> None:
    async with RegistryKit(tmp_path) as kit:
        operations = kit.registry.operations
        first = await operations.begin("backfill")
        second, gone = first.id + 1, []
        await asyncio.gather(  # what follows the first is written at once
            operations.finish(first.id),
            operations.begin("backfill"),
            operations.finish(second),
            operations.clean("all"),
        )
        gone = kit.registry.operations.list()
    async with RegistryKit(tmp_path) as kit:
        third = await kit.registry.operations.begin("backfill")

    assert gone == ()
    assert third.id == second + 1


# A block that is an operation


async def test_an_operation_whose_begin_was_given_up_does_not_stay_behind(
    kit: RegistryKit,
) -> None:
    async def work() -> None:
        async with kit.registry.operations.track("backfill"):
            raise AssertionError("never reached")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await kit.hears(OperationEnded)).operation.state == "cancelled"


async def test_a_block_that_is_left_by_an_exit_or_closed_ends_its_operation(
    kit: RegistryKit,
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with kit.registry.operations.track("backfill"):
            begun.set()
            await asyncio.get_running_loop().create_future()

    async def leave() -> None:
        async with kit.registry.operations.track("backup"):
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        await leave()
    (left,) = kit.registry.operations.list()
    assert left.state == "cancelled"

    coroutine = work()
    waits = coroutine.send(None)
    while not begun.is_set():
        await asyncio.wait({waits})
        waits = coroutine.send(None)
    kit.log.clear()
    coroutine.close()
    assert (await kit.hears(OperationEnded)).operation.kind == "backfill"


@pytest.mark.parametrize("number", [True, 1.0, "1", None])
async def test_what_is_no_number_is_no_operation(kit: RegistryKit, number: Any) -> None:
    await kit.registry.operations.begin("backfill")
    with pytest.raises(UnknownOperationError):
        kit.registry.operations.get(number)

    assert kit.registry.operations.list(kind=["backfill"]) == ()  # type: ignore[arg-type]


# For plain code


def test_plain_code_has_the_same_handles(tmp_path: Path) -> None:
    with RegistryKit(tmp_path) as kit:
        operations = kit.blocking.operations
        begun = operations.begin("backfill", steps=2, parts=["a"])
        assert operations.advance(begun.id, step=1).step == 1
        assert texts(operations.put_part(begun.id, 2, "b")) == {1: "a", 2: "b"}
        assert texts(operations.set_parts(begun.id, ["c"])) == {1: "c"}
        watched = operations.watch(begun.id, timeout=0.01)
        assert next(watched).step == 1
        with pytest.raises(AskTimeoutError):
            next(watched)
        watched = operations.watch(begun.id, timeout=5.0)
        next(watched)
        operations.finish(begun.id)
        assert [one.state.value for one in watched] == ["finished"]
        assert operations.fail(operations.begin("move").id, "no").error == "no"
        assert operations.cancel(operations.begin("move").id).state == "cancelled"
        with operations.track("backup", steps=2) as tracked:
            tracked.step(1)
            tracked.parts(["alice"])
            tracked.part(2, "bob")
            tracked.describe("checking", steps=3)
            assert texts(operations.get(tracked.id)) == {1: "alice", 2: "bob"}
        with pytest.raises(KeyError), operations.track("backup"):
            raise KeyError("alice")
        assert [one.state.value for one in operations.list(kind="backup")] == ["finished", "failed"]
        assert len(operations.clean("all")) == 5

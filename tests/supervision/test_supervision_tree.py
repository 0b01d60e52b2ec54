"""The front door: running a tree here or on a thread, finding, looking, listening."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import json
import logging
import signal
import sys
import threading
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope

from telewarden.errors import (
    BlockingAskError,
    ChildNotFoundError,
    ChildStartError,
    DrillError,
    InvalidSpecError,
    SupervisionError,
)
from telewarden.supervision import (
    ChildFailed,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStopped,
    CircuitBreaker,
    Drill,
    Event,
    EventProbe,
    EventStream,
    IntensityExceeded,
    LoopActor,
    MessageDropped,
    ObserverFailed,
    RestartIntensity,
    SharedCause,
    Supervisor,
    SupervisorSpec,
    Tree,
)
from telewarden.supervision.observe.event_logger import MAX_WAITING, EventLogger, level

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*", (DrillError, ValueError), start=OSError, logged="child abandoned|supervisor gives up"
    ),
]

BOOM = ("raise", ValueError("boom"))


def nested(child_class: type[pykka.Actor]) -> SupervisorSpec:
    inner = SupervisorSpec(children=(ChildSpec(id="x", actor=child_class, args=()),))
    return SupervisorSpec(
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="inner", actor=Supervisor, args=(inner,)),
        )
    )


async def test_a_tree_is_found_by_path(grow: Any, child_class: type[pykka.Actor]) -> None:
    async with grow(nested(child_class)) as grown:
        assert str(grown.tree.ref("inner/x")).endswith("at inner/x")
        for nobody in ("z", "inner/z", "a/x", ""):
            with pytest.raises(ChildNotFoundError):
                grown.tree.ref(nobody)


async def test_a_tree_that_was_not_started_says_so() -> None:
    with pytest.raises(SupervisionError, match="not been started"):
        Tree(SupervisorSpec()).snapshot()


async def test_a_snapshot_draws_the_tree_and_is_plain_data(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    async with grow(nested(loop_child)) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)
        snapshot = grown.tree.snapshot()

        assert snapshot.as_text().splitlines() == [
            "warden (Supervisor, loop) running",
            "|-- a (LoopChild, loop) running restarts=1",
            "`-- inner (Supervisor, loop) running",
            "    `-- x (LoopChild, loop) running",
        ]
        data = json.loads(snapshot.as_json())
        assert data == snapshot.as_dict()
        assert [child["path"] for child in data["children"]] == ["a", "inner"]
        assert [one.path for one in snapshot.walk()] == ["warden", "a", "inner", "inner/x"]
        assert snapshot.find("inner/x").state is ChildState.RUNNING
        assert snapshot.find("nowhere") is None


async def test_a_snapshot_is_of_one_moment_and_stays_as_it_is(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a")) as grown:
        before = grown.tree.snapshot()
        await grown.crash("a", again=2)

        assert before.find("a").incarnation == 1
        assert grown.tree.snapshot().find("a").incarnation == 2
        with pytest.raises(dataclasses.FrozenInstanceError):
            before.restarts = 7


async def test_a_snapshot_shows_how_many_restarts_are_left_and_until_when(
    grow: Any, nursery: Any
) -> None:
    own = nursery.child("own", intensity=RestartIntensity(limit=5, period=60.0))
    spec = nursery.group(own, "a", intensity=RestartIntensity(limit=2, period=10.0))
    async with grow(spec) as grown:

        def left() -> list[int | None]:
            return [one.restarts_left for one in grown.tree.snapshot().walk()]

        await grown.crash("a", again=2)
        await grown.crash("own", again=2)
        spent = left()
        grown.clock.advance(11.0)

        assert spent == [1, 4, None]
        assert left() == [2, 4, None]


def test_a_tree_lives_on_a_thread_of_its_own_for_plain_code(
    child_class: type[pykka.Actor], loop_factory: Any
) -> None:
    with Tree(nested(child_class), name="plain", loop_factory=loop_factory) as tree:
        assert tree.ref("inner/x").ask("hello", timeout=5) == "hello"
        tree.ref("a").tell(BOOM)
        assert tree.ref("a").ask("count", timeout=5) == 1
        report = tree.stop_blocking()
        again = tree.stop_blocking()

    assert [entry.child for entry in report.entries] == ["inner/x", "inner", "a"]
    assert again is report


def test_a_tree_on_its_own_thread_tells_when_its_root_gave_up(
    loop_child: type[pykka.Actor], loop_factory: Any
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=loop_child),), intensity=RestartIntensity(limit=0)
    )
    with Tree(spec, loop_factory=loop_factory) as tree:
        tree.ref("a").tell(BOOM)

        assert "IntensityExceededError" in tree.terminated.get(timeout=5).reason


@pytest.mark.crashes(logged="Task was destroyed")
def test_leaving_a_tree_on_its_own_thread_waits_for_nobody_for_ever(
    loop_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(LoopActor):
        async def on_receive(self, message: Any) -> None:
            message.set()
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    monkeypatch.setattr("telewarden.supervision.runtime.loop_thread.GRACE", 0.01)
    came = threading.Event()
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=Stubborn, shutdown=0.01),))
    with Tree(spec, loop_factory=loop_factory) as tree:
        tree.ref("a").tell(came)
        assert came.wait(5)
        report = tree.stop_blocking()

    assert [entry.child for entry in report.abandoned] == ["a"]
    gc.collect()  # asyncio's own complaint about the task belongs to this test


async def test_two_trees_in_one_loop_do_not_know_of_each_other(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(nested(child_class)) as one, grow(nested(child_class)) as other:
        one.tree.ref("a").tell(BOOM)
        await one.expect(ChildStarted, "a", count=2)

        assert other.tree.snapshot().find("a").incarnation == 1
        assert await other.ask("inner/x", "here") == "here"


async def test_leaving_the_context_stops_the_tree_also_after_an_error(
    loop_child: type[pykka.Actor],
) -> None:
    tree = Tree(nested(loop_child))
    with pytest.raises(LookupError):
        async with tree:
            raise LookupError

    assert tree.terminated.done


async def test_a_start_that_is_cancelled_leaves_nothing_behind(grow: Any) -> None:
    class Slow(LoopActor):
        async def on_start(self) -> None:  # type: ignore[override]  # hooks may be async
            await asyncio.Event().wait()

    tree = Tree(SupervisorSpec(children=(ChildSpec(id="a", actor=Slow),)))
    starting = asyncio.ensure_future(tree.start())
    for _ in range(5):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert tree.terminated.done


# events


def test_a_subscriber_hears_the_kinds_it_asked_for_until_it_leaves() -> None:
    stream, heard = EventStream(), []
    started = ChildStarted(at=0.0, child="a", incarnation=1)
    with stream.subscribe(heard.append, kinds=(ChildStarted,)) as subscription:
        stream.publish(started)
        stream.publish(Event(at=0.0, child="a"))
    subscription.close()
    stream.publish(started)

    assert heard == [started]


@pytest.mark.crashes(logged="observer detached")
def test_a_subscriber_that_raises_is_detached_logged_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream, heard = EventStream(), []

    def bad(event: Event) -> None:
        raise LookupError("bad")

    stream.subscribe(bad)
    stream.subscribe(heard.append)
    for at in (1.0, 2.0):
        stream.publish(Event(at=at, child="a"))

    assert [type(event) for event in heard] == [ObserverFailed, Event, Event]
    assert "bad" in heard[0].observer
    assert caplog.text.count("observer detached") == 1


async def coroutine(event: Event) -> None: ...


class Callback:
    async def __call__(self, event: Event) -> None: ...


@pytest.mark.parametrize("callback", [coroutine, Callback(), functools.partial(coroutine), 5])
def test_a_callback_that_would_hear_nothing_is_refused(callback: Any) -> None:
    stream = EventStream()

    with pytest.raises(InvalidSpecError, match=r"callback is .*; give a plain function"):
        stream.subscribe(callback)
    assert not stream.has_subscribers(Event)


@pytest.mark.parametrize("kinds", [ChildStarted, [int], ["ChildStarted"], 5])
def test_what_is_subscribed_to_are_classes_of_events(kinds: Any) -> None:
    with pytest.raises(InvalidSpecError, match=r"kinds is .*; give a list of classes of events"):
        EventStream().subscribe(print, kinds)


def test_subscribers_that_come_and_go_in_many_threads_at_once_are_all_heard() -> None:
    stream, heard = EventStream(), []

    def stay() -> None:
        for _ in range(300):
            stream.subscribe(heard.append)

    def come_and_go() -> None:
        for _ in range(1_000):
            with stream.subscribe(heard.append):
                pass

    threads = [threading.Thread(target=work) for work in (stay, come_and_go, come_and_go, stay)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # let threads take turns within a statement
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    stream.publish(Event(at=0.0, child="a"))

    assert len(heard) == 600


def test_a_subscriber_may_subscribe_and_leave_while_it_is_called() -> None:
    stream, heard = EventStream(), []

    def once(event: Event) -> None:
        heard.append(event.at)
        subscription.close()
        stream.subscribe(lambda event: heard.append(-event.at))

    subscription = stream.subscribe(once)
    for at in (1.0, 2.0):
        stream.publish(Event(at=at, child="a"))

    assert heard == [1.0, -2.0]


def test_a_probe_tells_of_events_past_and_to_come() -> None:
    stream = EventStream()
    probe = EventProbe(stream)
    second = probe.expect(Event, "a", count=2)
    stream.publish(Event(at=1.0, child="a"))
    assert not second.done
    threading.Thread(target=stream.publish, args=(Event(at=2.0, child="a"),)).start()

    assert second.get(timeout=5).at == 2.0
    assert probe.expect(Event, "a").get(timeout=0).at == 1.0
    probe.close()


async def test_reports_are_facts_with_keys_and_carry_the_traceback(
    grow: Any, loop_child: type[pykka.Actor], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with grow(nested(loop_child)) as grown:
        grown.tree.ref("a").tell(Drill("fire"))
        await grown.expect(ChildStarted, "a", count=2)

    messages = [r.getMessage() for r in caplog.records if r.name.endswith("event_logger")]
    failed = next(r for r in caplog.records if r.getMessage().startswith("child failed"))
    assert "child started child=a incarnation=1" in messages
    assert "child failed child=a incarnation=1 exit='error: DrillError' uptime=0.000" in messages
    assert failed.levelno == logging.WARNING
    assert failed.exc_info is not None
    assert failed.exc_info[1] is grown.probe.seen(ChildFailed)[0].exit.error
    assert "child stopped child=a incarnation=2 exit='shutdown'" in messages


async def test_a_report_tells_the_shared_cause_and_no_message_twice(
    grow: Any, nursery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    spec = nursery.group(nursery.child("a", directive=lambda _: SharedCause("dc 2")))
    async with grow(spec, circuit_breaker=CircuitBreaker(children=1)) as grown:
        await grown.crash("a")
        await grown.expect(ChildRestarting, "a")

    lines = {r.getMessage(): r.levelno for r in caplog.records if "child=a" in r.getMessage()}
    waits = "child restarts child=a reason='error: ValueError' delay=0.000 in_a_row=0 cause='dc 2'"
    assert lines[waits] == logging.WARNING
    assert lines["message dropped child=a message='tuple' reason='crashed'"] == logging.INFO


async def test_events_say_nothing_of_arguments_or_messages(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    secret = "1BVtsOHwBu5x"
    orders = told(log=[secret])
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class, args=(orders,)),))
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(("raise", ValueError(secret)))
        await grown.expect(ChildStarted, "a", count=2)
        await grown.tree.stop()

        events = [*grown.probe.seen(Event)]
        assert events
        assert secret not in repr(events) + grown.tree.snapshot().as_text()
        assert len(grown.probe.seen(ChildStopped)) == 1


@pytest.mark.parametrize(
    ("stopping", "reason", "expected"),
    [
        (True, "gone", logging.DEBUG),
        (False, "gone", logging.WARNING),
        (True, "overflow", logging.WARNING),
    ],
)
def test_what_a_stop_leaves_unread_is_no_warning(
    stopping: bool,
    reason: str,
    expected: int,
) -> None:
    event = MessageDropped(at=0.0, child="a", message="str", reason=reason, stopping=stopping)

    assert level(event) == expected


async def test_a_message_to_a_child_that_a_stop_has_closed_is_told_as_such(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class),))
    async with grow(spec) as grown:
        mailbox = grown.tree.ref("a").actor_inbox
        await grown.tree.stop()
        mailbox.put(Envelope("late"))

        (dropped,) = grown.probe.seen(MessageDropped)
        assert (dropped.reason, dropped.stopping) == ("gone", True)


async def test_what_a_start_that_failed_leaves_unread_is_no_cause_for_a_warning() -> None:
    class Eager(LoopActor):
        def on_start(self) -> None:
            self.actor_ref.tell("later")

    class Lame(LoopActor):
        def on_start(self) -> None:
            raise OSError("no luck")

    tree = Tree(
        SupervisorSpec(
            children=(ChildSpec(id="a", actor=Eager), ChildSpec(id="b", actor=Lame)),
        )
    )
    probe = EventProbe(tree.events)

    with pytest.raises(ChildStartError):
        await tree.start()

    assert [(one.child, one.stopping) for one in probe.seen(MessageDropped)] == [("a", True)]


def test_a_storm_of_facts_does_not_fill_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    reports = EventLogger(lambda _: None)
    for number in range(MAX_WAITING + 7):
        reports.take(IntensityExceeded(at=number, child="a", offender="b", restarts=1, period=1.0))
    reports.flush()

    assert len(caplog.records) == MAX_WAITING + 1
    assert caplog.records[-1].getMessage() == "reports left out count=7"


def test_a_tree_whose_start_is_interrupted_leaves_no_thread() -> None:
    begun = threading.Event()

    class Slow(LoopActor):
        async def on_start(self) -> None:
            begun.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # Ctrl-C
            await asyncio.Event().wait()

    tree = Tree(SupervisorSpec(children=(ChildSpec(id="a", actor=Slow, start_timeout=60.0),)))
    with pytest.raises(KeyboardInterrupt):
        tree.start_blocking()

    assert begun.is_set()
    assert "warden-loop" not in {thread.name for thread in threading.enumerate()}


def test_a_tree_that_would_stop_itself_from_its_own_loop_says_so(loop_factory: Any) -> None:
    class Ender(LoopActor):
        def on_receive(self, message: Any) -> None:
            tree.stop_blocking()

    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=Ender),))
    with Tree(spec, loop_factory=loop_factory) as tree, pytest.raises(BlockingAskError):
        tree.ref("a").ask(None)

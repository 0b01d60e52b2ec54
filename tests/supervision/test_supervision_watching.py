"""Watching children (S22), and refusing what was abandoned (S15)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pykka
import pytest

from telewarden.errors import ChildUnavailableError, FencedError
from telewarden.supervision import (
    ChildAbandoned,
    ChildForgotten,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStopped,
    DeleteChild,
    Down,
    ExitKind,
    FencingToken,
    LoopActor,
    MessageDropped,
    Restart,
    RestartChild,
    StartChild,
    SupervisorSpec,
    TerminateChild,
    Terminated,
    current_fencing_token,
    watch,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", (TypeError, ValueError), logged="child abandoned|child quarantined"),
]


class Watcher(LoopActor):
    """Watches what it is told to, and keeps what it is told of it."""

    def __init__(self, told: list[object]) -> None:
        super().__init__()
        self.told = told

    def on_receive(self, message: object) -> None:
        match message:
            case ("watch", ref, for_good):
                self.watch(ref, for_good=for_good)
            case Down() | Terminated():
                self.told.append(message)
            case "crash":
                raise ValueError(message)


def watched(nursery: Any, told: list[object], **more: Any) -> SupervisorSpec:
    watcher = ChildSpec(id="watcher", actor=Watcher, args=(told,))
    return SupervisorSpec(children=(watcher, nursery.child("a", **more)))


async def test_s22_a_watcher_is_told_once_of_each_end(grow: Any, nursery: Any) -> None:
    told: list[Any] = []
    async with grow(watched(nursery, told)) as grown:
        ref = grown.tree.ref("a")
        for _ in range(2):  # watching twice is watching once
            grown.tree.ref("watcher").tell(("watch", ref, False))
        await grown.rest()
        await grown.crash("a", again=2)
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStarted, "a", count=3)
        await grown.rest()

        assert [(d.child, d.incarnation, d.exit.kind) for d in told] == [
            ("a", 1, ExitKind.ERROR),
            ("a", 2, ExitKind.NORMAL),
        ]
        assert told[0].ref is ref


async def test_s22_watching_what_does_not_run_is_answered_at_once(grow: Any, nursery: Any) -> None:
    told: list[Any] = []
    async with grow(watched(nursery, told)) as grown:
        ref = grown.tree.ref("a")
        await grown.command(TerminateChild("a"))
        for for_good in (False, True):
            grown.tree.ref("watcher").tell(("watch", ref, for_good))
        await grown.rest()
        assert [type(notice) for notice in told] == [Down]  # stopped, but not gone for good

        await grown.command(DeleteChild("a"))
        await grown.rest()
        assert [type(notice) for notice in told] == [Down, Terminated]
        told.clear()
        late: list[object] = []
        watch(ref, late.append)
        watch(ref, late.append, for_good=True)
        assert [type(notice) for notice in late] == [Down, Terminated]


async def test_s22_gone_for_good_is_told_once_and_not_at_a_restart(grow: Any, nursery: Any) -> None:
    told: list[Any] = []
    async with grow(watched(nursery, told, restart=Restart.TRANSIENT)) as grown:
        grown.tree.ref("watcher").tell(("watch", grown.tree.ref("a"), True))
        await grown.rest()
        await grown.crash("a", again=2)
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStopped, "a")
        assert told == []
        await grown.command(RestartChild("a"))
        await grown.command(TerminateChild("a"))
        await grown.command(DeleteChild("a"))
        await grown.expect(ChildForgotten, "a")
        await grown.rest()

        assert [(type(n), n.child) for n in told] == [(Terminated, "a")]


async def test_s22_a_watch_dies_with_the_incarnation_that_asked_for_it(
    grow: Any, nursery: Any
) -> None:
    told: list[Any] = []
    async with grow(watched(nursery, told)) as grown:
        grown.tree.ref("watcher").tell(("watch", grown.tree.ref("a"), False))
        grown.tree.ref("watcher").tell("crash")
        await grown.expect(ChildStarted, "watcher", count=2)
        await grown.crash("a", again=2)
        await grown.rest()

        assert told == []


@pytest.mark.crashes(logged="watcher failed")
async def test_a_watcher_that_raises_or_is_dead_is_not_told_again(grow: Any, nursery: Any) -> None:
    calls: list[object] = []
    errors: list[Exception] = []

    def tell(notice: object) -> None:
        calls.append(notice)
        raise errors[-1]

    async with grow(nursery.group("a", "b")) as grown:
        for error in (ValueError("x"), pykka.ActorDeadError("x")):
            errors.append(error)
            calls.clear()
            watch(grown.tree.ref("a"), tell)
            for again in (1, 2):
                await grown.command(TerminateChild("a"))
                await grown.command(RestartChild("a"))
                assert len(calls) == 1, again
        cancelled = watch(grown.tree.ref("b"), calls.append)
        cancelled.cancel()
        calls.clear()
        await grown.command(TerminateChild("b"))
        assert calls == []


async def test_a_child_is_watched_from_another_thread(grow: Any, nursery: Any) -> None:
    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with grow(nursery.group("a")) as grown:
        thread = threading.Thread(
            target=watch,
            args=(grown.tree.ref("a"), lambda _: loop.call_soon_threadsafe(came.set)),
        )
        thread.start()
        await asyncio.to_thread(thread.join)
        await grown.crash("a")

        await grown.within(came.wait())


async def test_a_plain_reference_cannot_be_watched(grow: Any, nursery: Any) -> None:
    async with grow(watched(nursery, [])) as grown:
        plain = type("Plain", (pykka.ThreadingActor,), {}).start()
        grown.tree.ref("watcher").tell(("watch", plain, False))
        await grown.expect(ChildStarted, "watcher", count=2)
        await asyncio.to_thread(plain.stop)


# what was abandoned


class Lingering(pykka.ThreadingActor):
    """Comes back late, and then tries to act as if nothing had happened."""

    def __init__(self, other: Any, outcomes: list[object]) -> None:
        super().__init__()
        self.other, self.outcomes = other, outcomes

    def on_receive(self, message: Any) -> None:
        token = current_fencing_token()
        message.entered.set()
        message.opened.wait(5)
        for deed in (
            lambda: self.other.tell("stale"),
            lambda: self.other.ask("stale", block=False),
            lambda: self.other.proxy().double(2).get(timeout=1),
            token.check,  # type: ignore[union-attr]  # it runs in one
        ):
            try:
                self.outcomes.append(deed())
            except FencedError as error:
                self.outcomes.append(error)
        raise ValueError("and this is nobody's business any more")


async def test_s15_what_was_abandoned_can_neither_send_nor_write(
    grow: Any, nursery: Any, gate: Any
) -> None:
    outcomes: list[Any] = []
    async with grow(nursery.group("other")) as grown:
        lingering = ChildSpec(
            id="l", actor=Lingering, args=(grown.tree.ref("other"), outcomes), shutdown=1.0
        )
        await grown.command(StartChild(lingering))
        grown.tree.ref("l").tell(gate)
        await gate.is_entered()
        thread = grown.tree.ref("l").slot.runner._worker.thread
        stopping = asyncio.ensure_future(grown.command(TerminateChild("l")))
        await grown.until(lambda: grown.standing()["l"][1] is ChildState.STOPPING)
        grown.clock.advance(1.0)
        assert (await stopping).kind is ExitKind.ABANDONED
        gate.open()
        await asyncio.to_thread(thread.join, 5)
        await grown.rest()

        assert [type(o) for o in outcomes] == [FencedError] * 4
        assert (outcomes[0].child, outcomes[0].incarnation) == ("l", 1)
        assert grown.probe.seen(MessageDropped) == []  # its late error is no event either
        grown.tree.ref("other").tell("from somebody who may")


async def test_s15_a_coroutine_that_was_abandoned_is_refused_too(grow: Any, nursery: Any) -> None:
    outcomes: list[Any] = []
    let_go = asyncio.Event()

    class Stubborn(LoopActor):
        async def on_receive(self, message: object) -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue
            try:
                message.tell("stale")  # type: ignore[attr-defined]  # it is a reference
            except FencedError as error:
                outcomes.append(error)

    stubborn = ChildSpec(id="s", actor=Stubborn, shutdown=1.0)
    async with grow(SupervisorSpec(children=(nursery.child("other"), stubborn))) as grown:
        grown.tree.ref("s").tell(grown.tree.ref("other"))
        await grown.rest()
        stopping = asyncio.ensure_future(grown.command(TerminateChild("s")))
        await grown.rest()
        grown.clock.advance(1.0)
        await grown.within(stopping)
        let_go.set()
        await grown.rest()

        assert [(e.child, e.incarnation) for e in outcomes] == [("s", 1)]
        assert grown.probe.seen(ChildAbandoned)[0].child == "s"


async def test_s15_what_a_child_sets_going_in_others_does_not_carry_its_token(
    grow: Any, nursery: Any
) -> None:
    seen: list[FencingToken | None] = []

    class Noting(LoopActor):
        def on_receive(self, message: object) -> None:
            seen.append(current_fencing_token())

    class Telling(LoopActor):
        async def on_receive(self, message: Any) -> None:
            message.tell("from a coroutine")
            message.tell("twice")

    children = (ChildSpec(id="n", actor=Noting), ChildSpec(id="t", actor=Telling))
    async with grow(SupervisorSpec(children=children)) as grown:
        grown.tree.ref("t").tell(grown.tree.ref("n"))
        await grown.until(lambda: len(seen) == 2)

    assert seen == [None, None]
    del nursery


async def test_s15_what_follows_a_coroutine_does_not_run_on_its_childs_behalf(grow: Any) -> None:
    seen: list[tuple[str, FencingToken | None]] = []  # the first start is in the command's name

    class Crashing(LoopActor):
        def on_start(self) -> None:
            seen.append(("start", current_fencing_token()))

        async def on_receive(self, message: object) -> None:
            if message == "crash":
                raise ValueError(message)

        def on_failure(self, *_: object) -> None:
            seen.append(("failure", current_fencing_token()))

        def on_stop(self) -> None:
            seen.append(("stop", current_fencing_token()))

    async with grow(SupervisorSpec(children=(ChildSpec(id="c", actor=Crashing),))) as grown:
        grown.tree.ref("c").tell("crash")
        await grown.expect(ChildStarted, "c", count=2)

    assert [step for step, token in seen if token is not None and token.child == "c"] == []


async def test_s15_what_is_told_by_the_abandoned_reaches_observers_who_send_it_on(
    grow: Any, nursery: Any
) -> None:
    let_go = asyncio.Event()

    class Stubborn(LoopActor):
        async def on_receive(self, message: Any) -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue
            message.publish(ChildForgotten(at=0.0, child="by the abandoned"))

    got: list[object] = []

    class Getting(LoopActor):
        def on_receive(self, message: object) -> None:
            got.append(message)

    stubborn = ChildSpec(id="s", actor=Stubborn, shutdown=1.0)
    getting = ChildSpec(id="g", actor=Getting)
    async with grow(SupervisorSpec(children=(getting, stubborn))) as grown:
        events = grown.tree.events
        events.subscribe(grown.tree.ref("g").tell, kinds=[ChildForgotten])
        grown.tree.ref("s").tell(events)
        await grown.rest()
        stopping = asyncio.ensure_future(grown.command(TerminateChild("s")))
        await grown.rest()
        grown.clock.advance(1.0)
        await grown.within(stopping)
        let_go.set()
        await grown.until(lambda: got)
        events.publish(ChildForgotten(at=1.0, child="by somebody else"))
        await grown.until(lambda: len(got) == 2)

    assert [event.child for event in got] == ["by the abandoned", "by somebody else"]  # type: ignore[attr-defined]
    del nursery


async def test_a_fencing_token_names_its_child_and_incarnation(grow: Any, nursery: Any) -> None:
    tokens: list[FencingToken | None] = []

    class Telling(LoopActor):
        def on_receive(self, message: object) -> None:
            tokens.append(self.fencing_token)
            self.pipe(self.later(), done=lambda _: None)
            if message == "crash":
                raise ValueError(message)

        async def later(self) -> None:
            tokens.append(current_fencing_token())

    async with grow(SupervisorSpec(children=(ChildSpec(id="t", actor=Telling),))) as grown:
        grown.tree.ref("t").tell("tell")
        await grown.rest()
        grown.tree.ref("t").tell("crash")
        await grown.expect(ChildStarted, "t", count=2)
        grown.tree.ref("t").tell("tell")
        await grown.rest()

        named = [(t.child, t.incarnation, t.fenced) for t in tokens if t is not None]
        assert set(named) == {("t", 1, False), ("t", 2, False)}
        assert repr(tokens[0]) == "<FencingToken t#1>"
    assert current_fencing_token() is None
    del nursery


async def test_s15_messages_wait_for_nobody_who_was_abandoned(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    child = ChildSpec(id="a", actor=thread_child, shutdown=1.0)
    async with grow(SupervisorSpec(children=(child,))) as grown:
        ref = grown.tree.ref("a")
        ref.tell(("wait", gate))
        await gate.is_entered()
        waiting = ref.ask("count", block=False)
        stopping = asyncio.ensure_future(grown.command(TerminateChild("a")))
        await grown.until(lambda: grown.standing()["a"][1] is ChildState.STOPPING)
        grown.clock.advance(1.0)
        await grown.within(stopping)
        with pytest.raises(ChildUnavailableError):
            await waiting

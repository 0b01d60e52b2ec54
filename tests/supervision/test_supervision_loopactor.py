"""Actors in the loop: coroutines, timers, work beside the mailbox, fairness, on their own."""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from typing import Any

import pykka
import pytest

from telewarden.errors import ChildUnavailableError
from telewarden.supervision import (
    Answer,
    ChildFailed,
    ChildSpec,
    ChildStarted,
    ChildStopped,
    LoopActor,
    ManualClock,
    Restart,
    RestartIntensity,
    SupervisorSpec,
    Tree,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", (OSError, ValueError)),
]


class Busy(LoopActor):
    """Does what it is asked, and notes what it heard."""

    def __init__(self, heard: list[Any] | None = None) -> None:
        super().__init__()
        self.heard: list[Any] = [] if heard is None else heard
        self.handles: list[Any] = []
        self.gate = asyncio.Event()

    def on_receive(self, message: Any) -> Any:
        match message:
            case ("after", seconds, what):
                self.handles.append(self.after(seconds, what))
            case ("then", seconds, what):
                self.after(seconds, then=lambda: self.on_receive(what))
            case ("every", seconds, what, phase):
                self.handles.append(self.every(seconds, what, phase=phase))
            case "cancel":
                self.handles.pop().cancel()
            case ("pipe", awaitable):
                self.handles.append(self.pipe(awaitable, lambda r: ("done", r)))
            case ("pipe", awaitable, failed):
                self.handles.append(self.pipe(awaitable, lambda r: ("done", r), failed))
            case "heard":
                return list(self.heard)
            case "crash":
                raise ValueError("crash")
            case "later":
                answer = Answer()
                self.pipe(self.gate.wait(), lambda _: ("answer", answer))
                return answer
            case "shared":
                self.handles = self.handles or [Answer()]
                return self.handles[0]
            case ("give", what):
                self.handles[0].set(what)
            case "open":
                self.gate.set()
            case ("answer", answer):
                answer.set("at last")
            case _:
                self.heard.append((self.incarnation, message))
        return None


def busy(heard: list[Any] | None = None, **more: Any) -> SupervisorSpec:
    return SupervisorSpec(
        children=(ChildSpec(id="a", actor=Busy, args=(heard,), **more),),
        intensity=RestartIntensity(limit=100),
    )


# timers


async def test_s23_a_message_to_oneself_comes_when_the_clock_says_so(grow: Any) -> None:
    async with grow(busy()) as grown:
        await grown.ask("a", ("after", 2.0, "ping"))
        grown.clock.advance(1.9)
        assert await grown.ask("a", "heard") == []
        grown.clock.advance(0.1)
        assert await grown.ask("a", "heard") == [(1, "ping")]


async def test_s23_a_method_is_called_when_the_clock_says_so_for_this_incarnation_only(
    grow: Any,
) -> None:
    heard: list[Any] = []
    async with grow(busy(heard)) as grown:
        await grown.ask("a", ("then", 2.0, "ping"))
        grown.clock.advance(1.9)
        assert await grown.ask("a", "heard") == []
        grown.clock.advance(0.1)
        assert await grown.ask("a", "heard") == [(1, "ping")]

        await grown.ask("a", ("then", 1.0, "ping"))
        grown.tree.ref("a").tell("crash")
        grown.clock.advance(1.0)  # it fires before the crash is handled, and queues behind it
        await grown.expect(ChildStarted, "a", count=2)
        assert await grown.ask("a", "heard") == [(1, "ping")]


async def test_s23_timers_die_with_their_incarnation(grow: Any) -> None:
    heard: list[Any] = []
    async with grow(busy(heard)) as grown:
        await grown.ask("a", ("after", 2.0, "ping"))
        await grown.ask("a", ("every", 1.0, "tick", None))
        grown.tree.ref("a").tell("crash")
        await grown.expect(ChildStarted, "a", count=2)
        grown.clock.advance(10.0)

        assert await grown.ask("a", "heard") == []


async def test_s23_a_timer_message_that_was_waiting_is_void_for_the_next_incarnation(
    grow: Any,
) -> None:
    heard: list[Any] = []
    async with grow(busy(heard)) as grown:
        await grown.ask("a", ("after", 1.0, "ping"))
        grown.tree.ref("a").tell("crash")
        grown.clock.advance(1.0)  # it fires before the crash is handled, and queues behind it
        await grown.expect(ChildStarted, "a", count=2)

        assert await grown.ask("a", "heard") == []


@pytest.mark.crashes("a", dropped="str")
async def test_s23_a_timer_message_that_an_end_overtook_is_no_dead_letter(grow: Any) -> None:
    async with grow(busy(restart=Restart.TRANSIENT)) as grown:
        await grown.ask("a", ("after", 1.0, "ping"))
        grown.tree.ref("a").stop(block=False)
        grown.tree.ref("a").tell("from another")
        grown.clock.advance(1.0)
        await grown.expect(ChildStopped, "a")

        assert [one.message for one in grown.tree.dead_letters.last()] == ["from another"]


async def test_a_repeated_message_comes_at_its_phase_and_then_every_period(grow: Any) -> None:
    async with grow(busy()) as grown:
        await grown.ask("a", ("every", 10.0, "tick", 3.0))
        counts = []
        for seconds in (2.9, 0.1, 9.9, 0.1, 10.0):
            grown.clock.advance(seconds)
            counts.append(len(await grown.ask("a", "heard")))

        assert counts == [0, 1, 1, 2, 3]


async def test_without_a_phase_ticks_are_spread_by_chance() -> None:
    clock = ManualClock()
    tree = Tree(
        SupervisorSpec(
            children=tuple(ChildSpec(id=f"c{n}", actor=Busy) for n in range(20)),
        ),
        clock=clock,
        rng=random.Random(7),
    )
    async with tree:
        for n in range(20):
            await ask_async(tree.ref(f"c{n}"), ("every", 100.0, "tick", None), timeout=5)
        clock.advance(50.0)
        ticked = [len(await ask_async(tree.ref(f"c{n}"), "heard", timeout=5)) for n in range(20)]

        assert 3 < sum(ticked) < 17


async def test_a_cancelled_timer_sends_nothing(grow: Any) -> None:
    async with grow(busy()) as grown:
        await grown.ask("a", ("every", 1.0, "tick", 1.0))
        grown.clock.advance(1.0)
        await grown.ask("a", "cancel")
        grown.clock.advance(10.0)

        assert await grown.ask("a", "heard") == [(1, "tick")]


# work beside the mailbox


async def test_the_result_of_work_comes_back_as_a_message(grow: Any) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 42

    async with grow(busy()) as grown:
        await grown.ask("a", ("pipe", work()))
        await grown.rest()

        assert await grown.ask("a", "heard") == [(1, ("done", 42))]


async def test_failed_work_comes_back_as_a_message_or_crashes(grow: Any) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        raise OSError("line")

    heard: list[Any] = []
    async with grow(busy(heard)) as grown:
        await grown.ask("a", ("pipe", work(), lambda error: ("failed", str(error))))
        await grown.rest()
        assert await grown.ask("a", "heard") == [(1, ("failed", "line"))]

        await grown.ask("a", ("pipe", work()))
        failed = await grown.expect(ChildFailed, "a")
        assert isinstance(failed.exit.error, OSError)


async def test_work_is_cancelled_with_its_incarnation_and_sends_nothing(grow: Any) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("off")

    heard: list[Any] = []
    async with grow(busy(heard)) as grown:
        await grown.ask("a", ("pipe", work()))
        await grown.rest()
        grown.tree.ref("a").tell("crash")
        await grown.expect(ChildStarted, "a", count=2)

        assert ended == ["off"]  # before the next incarnation was started
        assert await grown.ask("a", "heard") == []


async def test_work_that_was_cancelled_on_purpose_sends_nothing(grow: Any) -> None:
    async with grow(busy()) as grown:
        await grown.ask("a", ("pipe", asyncio.Event().wait()))
        await grown.ask("a", "cancel")
        await grown.rest()

        assert await grown.ask("a", "heard") == []
        assert grown.probe.seen(ChildFailed) == []


async def test_a_cancelled_error_of_some_other_context_is_a_failure_of_the_work(grow: Any) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    async with grow(busy()) as grown:
        await grown.ask("a", ("pipe", work(), lambda error: type(error).__name__))
        await grown.rest()

        assert await grown.ask("a", "heard") == [(1, "CancelledError")]


async def test_an_answer_can_be_given_later_while_others_are_served(grow: Any) -> None:
    async with grow(busy()) as grown:
        answer = asyncio.ensure_future(grown.ask("a", "later"))
        assert await grown.ask("a", "heard") == []
        assert not answer.done()
        await grown.ask("a", "open")

        assert await answer == "at last"


@pytest.mark.parametrize("end", ["crash", "stop", "stop the tree"])
async def test_who_waits_for_a_later_answer_is_told_when_there_will_be_none(
    grow: Any, end: str
) -> None:
    async with grow(busy()) as grown:
        answers = [asyncio.ensure_future(grown.ask("a", "later")) for _ in range(2)]
        assert await grown.ask("a", "heard") == []
        if end == "crash":
            grown.tree.ref("a").tell("crash")
        elif end == "stop":
            grown.tree.ref("a").stop(block=False)
        else:
            await grown.tree.stop()

        told = await asyncio.wait_for(asyncio.gather(*answers, return_exceptions=True), 5)
        assert [type(one) for one in told] == [ChildUnavailableError] * 2
        assert "a is unavailable: it ended before it had the answer" in str(told[0])


# fairness


async def test_a_busy_actor_leaves_the_others_their_turn(grow: Any) -> None:
    class Chatty(LoopActor):
        def on_receive(self, message: Any) -> Any:
            if message == "again":
                self.actor_ref.tell("again")  # for ever
            return message

    spec = SupervisorSpec(
        children=(ChildSpec(id="chatty", actor=Chatty), ChildSpec(id="b", actor=Chatty))
    )
    async with grow(spec) as grown:
        grown.tree.ref("chatty").tell("again")

        assert await grown.ask("b", "heard?") == "heard?"
        assert await grown.ask("chatty", "you too?") == "you too?"


# on its own


async def test_a_loop_actor_starts_on_its_own_like_any_pykka_actor() -> None:
    ref = Busy.start()
    assert await ask_async(ref, "heard", timeout=5) == []
    assert ref in pykka.ActorRegistry.get_all()
    assert await ref.stop(block=False) is True
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anything")


@pytest.mark.crashes(logged="actor failed")
async def test_a_loop_actor_on_its_own_dies_of_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    ref = Busy.start()
    ref.tell("crash")
    for _ in range(10):
        await asyncio.sleep(0)

    assert not ref.is_alive()
    assert "actor failed" in caplog.text


async def test_a_start_on_its_own_that_fails_raises() -> None:
    class Broken(LoopActor):
        def on_start(self) -> None:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Broken.start()


async def test_it_cannot_be_made_without_a_place() -> None:
    with pytest.raises(TypeError, match=r"Busy is made by its supervisor or by \.start"):
        Busy()


async def test_it_knows_its_place_clock_chance_and_incarnation(grow: Any) -> None:
    async with grow(busy()) as grown:
        proxy = grown.tree.ref("a").proxy()

        assert await proxy.path == "a"
        assert await proxy.incarnation == 1
        assert await proxy.clock is grown.clock


async def test_work_is_cancelled_before_the_stop_hook_is_awaited(grow: Any) -> None:
    class Orderly(LoopActor):
        def on_start(self) -> None:
            self.off = asyncio.Event()
            self.pipe(self.work(), lambda _: None)

        async def work(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.off.set()

        async def on_stop(self) -> None:  # type: ignore[override]  # hooks may be async
            await self.off.wait()

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Orderly),))) as grown:
        await grown.rest()
        report = await grown.within(grown.tree.stop())

        assert report.is_clean


async def test_a_subclass_may_use_any_private_name_of_its_own(grow: Any) -> None:
    class Own(LoopActor):
        def __init__(self) -> None:
            super().__init__()
            self._cell = self._place = self._crash = self._sender = self._work = "mine"

        def on_receive(self, message: Any) -> Any:
            self.after(1.0, "tick")
            return self._cell

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Own),))) as grown:
        assert await grown.ask("a", "whose") == "mine"


async def test_an_answer_that_is_given_to_several_askers_reaches_each(grow: Any) -> None:
    async with grow(busy()) as grown:
        ref = grown.tree.ref("a")
        asked = [ref.ask("shared", block=False) for _ in range(3)]
        ref.tell(("give", "news"))

        async with asyncio.timeout(30):
            assert [await one for one in asked] == ["news"] * 3


def test_of_several_answers_the_first_counts_whoever_gives_them() -> None:
    for _ in range(200):
        answer, start, kept = Answer(), threading.Barrier(2), list[str]()

        def give(what: str, answer: Answer = answer, start: Any = start, kept: Any = kept) -> None:
            start.wait()
            try:
                answer.set(what)
            except queue.Full:
                return
            kept.append(what)

        givers = [threading.Thread(target=give, args=(what,)) for what in ("one", "two")]
        for giver in givers:
            giver.start()
        for giver in givers:
            giver.join()

        assert kept == [answer.get(timeout=0)]
        assert not answer.fail(ValueError("late"))
        assert kept == [answer.get(timeout=0)]


class Steps(LoopActor):
    """Goes on with results in its own turn, and notes in which order."""

    def __init__(self, heard: list[Any], doing: list[asyncio.Future[str]]) -> None:
        super().__init__()
        self.heard, self.doing = heard, doing

    def on_receive(self, message: Any) -> Any:
        match message:
            case "pipe":
                work: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                self.doing.append(work)
                self.pipe(work, then=self.done, otherwise=self.missed)
            case "hold":
                return self.hold()
            case "crash":
                raise ValueError("crash")
            case "nothing":
                self.pipe(asyncio.sleep(0))
        return None

    async def hold(self) -> None:
        self.heard.append("held")
        self.doing[0].set_result("page")
        for _ in range(5):
            await asyncio.sleep(0)
        self.heard.append("let go")

    async def done(self, result: str) -> None:
        await asyncio.sleep(0)
        self.heard.append((self.incarnation, result))

    def missed(self, error: BaseException) -> None:
        self.heard.append((self.incarnation, type(error)))


def steps() -> tuple[list[Any], list[asyncio.Future[str]], SupervisorSpec]:
    heard: list[Any] = []
    doing: list[asyncio.Future[str]] = []
    child = ChildSpec(id="a", actor=Steps, args=(heard, doing))
    return heard, doing, SupervisorSpec(children=(child,))


async def test_it_goes_on_with_a_result_when_its_mailbox_comes_to_it(grow: Any) -> None:
    heard, _, spec = steps()
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        ref.tell("pipe")
        await grown.within(ask_async(ref, "hold", timeout=5))
        await grown.within(ask_async(ref, "look", timeout=5))

    assert heard == ["held", "let go", (1, "page")]


async def test_it_goes_on_with_an_error_in_the_same_way(grow: Any) -> None:
    heard, doing, spec = steps()
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        await grown.within(ask_async(ref, "pipe", timeout=5))
        doing[0].set_exception(OSError("gone"))
        await grown.rest()

    assert heard == [(1, OSError)]


async def test_no_other_incarnation_goes_on_with_a_result(grow: Any) -> None:
    heard, doing, spec = steps()
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        await grown.within(ask_async(ref, "pipe", timeout=5))
        doing[0].set_result("page")
        ref.tell("crash")  # before the result can come
        await grown.rest()
        await grown.within(ask_async(ref, "look", timeout=5))

    assert heard == []


async def test_work_for_nobody_is_refused(grow: Any) -> None:
    _, _, spec = steps()
    async with grow(spec) as grown:
        with pytest.raises(TypeError, match="then="):
            await grown.within(ask_async(grown.tree.ref("a"), "nothing", timeout=5))

"""S4: whatever a child raises, wherever, no other actor suffers and every asker is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest
from tenacity.wait import wait_base

from telewarden.errors import ChildStartError
from telewarden.supervision import (
    ChildFailed,
    ChildSpec,
    ChildStarted,
    ChildState,
    ExitKind,
    LoopActor,
    ObserverFailed,
    RestartIntensity,
    StartChild,
    SupervisorSpec,
    ask_async,
    watch,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (
            GeneratorExit,
            KeyboardInterrupt,
            LookupError,
            OSError,
            StopIteration,
            SystemExit,
            ValueError,
            asyncio.CancelledError,
        ),
        start=(
            GeneratorExit,
            KeyboardInterrupt,
            StopIteration,
            SystemExit,
            ValueError,
            asyncio.CancelledError,
        ),
    ),
]

WILD = [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration]


def with_bystander(child_class: type[pykka.Actor]) -> SupervisorSpec:
    return SupervisorSpec(
        children=(
            ChildSpec(id="wild", actor=child_class),
            ChildSpec(id="bystander", actor=child_class),
        ),
        intensity=RestartIntensity(limit=100),
    )


@pytest.mark.parametrize("kind", WILD)
async def test_s4_nothing_told_can_hurt_a_bystander(
    grow: Any, child_class: type[pykka.Actor], kind: type[BaseException]
) -> None:
    async with grow(with_bystander(child_class)) as grown:
        await grown.ask("bystander", "count")
        grown.tree.ref("wild").tell(("raise", kind()))
        failed = await grown.expect(ChildFailed, "wild")
        await grown.expect(ChildStarted, "wild", count=2)

        assert isinstance(failed.exit.error, kind)
        assert await grown.ask("bystander", "count") == 2


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
async def test_s4_an_asker_is_answered_whatever_the_child_raises(
    grow: Any, child_class: type[pykka.Actor], kind: type[BaseException]
) -> None:
    async with grow(with_bystander(child_class)) as grown:
        answer = grown.tree.ref("wild").ask(("raise", kind()), block=False)
        await grown.expect(ChildStarted, "wild", count=2)

        assert answer.done
        with pytest.raises(kind):
            answer.get(timeout=5)


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
async def test_s4_an_async_handler_is_contained_like_a_plain_one(
    grow: Any, kind: type[BaseException]
) -> None:
    class Wild(LoopActor):
        async def on_receive(self, message: Any) -> Any:
            await asyncio.sleep(0)
            if message == "boom":
                raise kind
            return message

    async with grow(with_bystander(Wild)) as grown:
        grown.tree.ref("wild").tell("boom")
        await grown.expect(ChildStarted, "wild", count=2)

        assert await grown.ask("wild", "again") == "again"


@pytest.mark.parametrize("kind", [*WILD, ValueError])
async def test_s4_a_start_that_raises_anything_is_a_failed_start(
    grow: Any, child_class: type[pykka.Actor], kind: type[BaseException]
) -> None:
    class Wild(child_class):  # type: ignore[misc, valid-type]  # the host's class
        def on_start(self) -> None:
            raise kind

    async with grow(SupervisorSpec()) as grown:
        with pytest.raises(ChildStartError) as failed:
            await grown.command(StartChild(ChildSpec(id="a", actor=Wild)))

        assert isinstance(failed.value.cause, kind)


@pytest.mark.parametrize("kind", [*WILD, ValueError])
async def test_s4_hooks_that_raise_hide_neither_the_end_nor_the_restart(
    grow: Any,
    child_class: type[pykka.Actor],
    kind: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Wild(child_class):  # type: ignore[misc, valid-type]  # the host's class
        def on_failure(self, *_: object) -> None:
            raise kind

        def on_stop(self) -> None:
            raise kind

    async with grow(with_bystander(Wild)) as grown:
        grown.tree.ref("wild").tell(("raise", ValueError("boom")))
        await grown.expect(ChildStarted, "wild", count=2)
        report = await grown.tree.stop()

        assert [entry.exit.kind for entry in report.entries] == [ExitKind.SHUTDOWN] * 2
        assert "hook=on_failure" in caplog.text
        assert "hook=on_stop" in caplog.text


@pytest.mark.parametrize("kind", [*WILD, LookupError])
@pytest.mark.crashes(logged="directive failed")
async def test_s4_a_directive_that_raises_means_the_default(
    grow: Any,
    child_class: type[pykka.Actor],
    kind: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def decide(error: BaseException) -> Any:
        raise kind

    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class, directive=decide),))
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(("raise", ValueError("boom")))
        await grown.expect(ChildStarted, "a", count=2)

        assert "directive failed child=a" in caplog.text


@pytest.mark.parametrize("kind", [*WILD, LookupError])
@pytest.mark.crashes(logged="observer detached", possible=True)
@pytest.mark.crashes(logged="watcher failed", possible=True)
async def test_s4_a_subscriber_or_watcher_that_raises_hurts_nobody(
    grow: Any, child_class: type[pykka.Actor], kind: type[BaseException]
) -> None:
    def spoil(_: object) -> None:
        raise kind

    async with grow(with_bystander(child_class)) as grown:
        grown.tree.events.subscribe(spoil)
        watch(grown.tree.ref("wild"), spoil)
        grown.tree.ref("wild").tell(("raise", ValueError("boom")))
        await grown.expect(ChildStarted, "wild", count=2)

        assert await grown.ask("wild", "count") == 1
        assert len(grown.probe.seen(ObserverFailed)) == 1
        assert not grown.tree.terminated.done


@pytest.mark.parametrize("kind", [*WILD, LookupError])
async def test_s4_work_beside_the_mailbox_that_raises_crashes_its_actor_alone(
    grow: Any, kind: type[BaseException]
) -> None:
    async def breaks() -> None:
        raise OSError("cut")

    def makes_it_worse(error: BaseException) -> object:
        raise kind

    class Piping(LoopActor):
        def on_receive(self, message: Any) -> Any:
            if message == "pipe":
                self.pipe(breaks(), done=lambda _: None, failed=makes_it_worse)
            return message

    async with grow(with_bystander(Piping)) as grown:
        grown.tree.ref("wild").tell("pipe")
        failed = await grown.expect(ChildFailed, "wild")
        await grown.expect(ChildStarted, "wild", count=2)

        assert isinstance(failed.exit.error, kind | RuntimeError)
        assert await grown.ask("bystander", "here") == "here"


@pytest.mark.crashes(logged="backoff failed")
async def test_s24_a_backoff_that_raises_does_not_take_its_supervisor_down(
    grow: Any, nursery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(wait_base):
        def __call__(self, retry_state: Any) -> float:
            raise ArithmeticError("no number")

    async with grow(nursery.group(nursery.child("a", backoff=Wrong()))) as grown:
        await grown.crash("a", again=2)

        assert "backoff failed wait=Wrong" in caplog.text
        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def test_an_unmodified_pykka_actor_is_supervised_as_it_is(grow: Any) -> None:
    class Ordinary(pykka.ThreadingActor):
        """Uses what Pykka gives it: its own reference, a proxy to itself, stop."""

        use_daemon_thread = True

        def __init__(self, greeting: str, *, loud: bool = False) -> None:
            super().__init__()
            self.greeting = greeting.upper() if loud else greeting
            self._in_future = self.actor_ref.proxy()
            self.steps: list[int] = []

        def greet(self, name: str) -> str:
            return f"{self.greeting}, {name}"

        def walk(self, steps: int) -> None:
            self.steps.append(steps)
            if steps:
                self._in_future.walk.defer(steps - 1)

        def fall(self) -> None:
            raise OSError("stone")

    spec = ChildSpec(id="a", actor=Ordinary, args=("hello",), kwargs={"loud": True})
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        ref = grown.tree.ref("a")
        proxy = ref.proxy()
        assert await proxy.greet("you") == "HELLO, you"
        proxy.walk.defer(3)
        proxy.fall.defer()
        proxy.walk.defer(1)
        await grown.expect(ChildStarted, "a", count=2)
        await grown.within(proxy.greet("settled"))

        assert ref.actor_class is Ordinary
        assert isinstance(ref.slot.actor, Ordinary)
        assert type(ref.slot.actor).__name__ == "Ordinary"
        assert pykka.ActorRegistry.get_by_class(Ordinary) == [ref]
        await asyncio.to_thread(setattr, proxy, "greeting", "bye")
        assert await proxy.greet("you") == "bye, you"
        with pytest.raises(OSError, match="stone"):
            await proxy.fall()


async def test_a_class_with_a_metaclass_and_a_new_of_its_own_is_supervised_too(grow: Any) -> None:
    class Counting(type(pykka.ThreadingActor)):  # type: ignore[misc]  # ABCMeta
        """A metaclass below Pykka's."""

    class Odd(pykka.ThreadingActor, metaclass=Counting):
        def __new__(cls, *args: Any) -> Any:
            made = super().__new__(cls)
            made.given = args
            return made

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def on_receive(self, message: Any) -> Any:
            return (self.number, self.given)

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Odd, args=(7,)),))) as grown:
        assert await ask_async(grown.tree.ref("a"), "both", timeout=5) == (7, (7,))

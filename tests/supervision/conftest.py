"""What the supervision tests share: children that do as they are told, and a look for leaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pykka
import pytest
import uvloop

from telewarden.supervision import (
    ChildSpec,
    ChildStarted,
    ChildState,
    CountChildren,
    EventProbe,
    Host,
    Ignore,
    LoopActor,
    ManualClock,
    Strategy,
    SupervisorSpec,
    Tree,
    ask_async,
)

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Any:
    """Every test that has a loop runs in each kind of loop."""
    return LOOPS


@pytest.fixture(params=LOOPS)
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Each kind of loop in turn, for tests that bring a loop of their own."""
    return LOOPS[request.param]


DEADLINE = 30.0  # seconds; waits end with the event, this only bounds a failing test


@dataclass
class Told:
    """What a child is told to do, and what all its incarnations did."""

    fail_starts: int = 0
    ignore_start: bool = False
    hold_start: threading.Event | None = None
    hold_stop: threading.Event | None = None
    log: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)


class Gate:
    """Holds a handler up until the test opens it, and tells when one has come."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    async def is_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, DEADLINE)

    def open(self) -> None:
        self.opened.set()


class Obedient:
    """Does what its messages say; the same on either host."""

    def __init__(self, told: Told | None = None) -> None:
        super().__init__()
        self.told = told or Told()
        self.told.log.append("init")
        self.count = 0

    def on_start(self) -> None:
        self.told.log.append("start")
        self.told.threads.append(threading.get_ident())
        if self.told.hold_start is not None:
            self.told.hold_start.wait(DEADLINE)
        if self.told.ignore_start:
            raise Ignore
        if self.told.fail_starts:
            self.told.fail_starts -= 1
            raise OSError("no luck")

    def on_stop(self) -> None:
        self.told.log.append("stop")
        if self.told.hold_stop is not None:
            self.told.hold_stop.wait(DEADLINE)

    def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
        self.told.log.append(f"failure {kind.__name__}")

    def on_receive(self, message: Any) -> Any:
        match message:
            case ("raise", error):
                raise type(error)(*error.args)  # a fresh one: tracebacks would pile up
            case ("wait", gate):
                gate.entered.set()
                return gate.opened.wait(DEADLINE)
            case "count":
                self.count += 1
                return self.count
            case "leave":
                self.stop()  # type: ignore[attr-defined]  # from the actor class beside it
                return None
            case _:
                return message

    def double(self, number: int) -> int:
        return number * 2


class LoopChild(Obedient, LoopActor):
    """On the loop."""


class ThreadChild(Obedient, pykka.ThreadingActor):
    """On a thread of its own."""


CHILD_OF = {Host.LOOP: LoopChild, Host.THREAD: ThreadChild}


@pytest.fixture(params=list(Host), ids=lambda host: host.value)
def host(request: pytest.FixtureRequest) -> Host:
    """Each host in turn."""
    return request.param


@pytest.fixture
def child_class(host: Host) -> type[pykka.Actor]:
    """An obedient child for the host."""
    return CHILD_OF[host]


@dataclass
class Nursery:
    """Describes obedient children for one host, and keeps what each is told."""

    host: Host
    told: dict[str, Told] = field(default_factory=dict)

    def child(self, id_: str, **more: Any) -> ChildSpec:
        told = self.told.setdefault(id_, Told())
        return ChildSpec(id=id_, actor=CHILD_OF[self.host], args=(told,), **more)

    def group(
        self,
        *children: ChildSpec | str,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        **more: Any,
    ) -> SupervisorSpec:
        specs = tuple(self.child(c) if isinstance(c, str) else c for c in children)
        return SupervisorSpec(strategy=strategy, children=specs, **more)

    def deeds(self, what: str) -> list[str]:
        """How many of each child's incarnations did something, as ``id`` or ``id*n``."""
        counts = {id_: told.log.count(what) for id_, told in self.told.items()}
        return sorted(id_ if n == 1 else f"{id_}*{n}" for id_, n in counts.items() if n)


@pytest.fixture
def nursery(host: Host) -> Nursery:
    """Descriptions of obedient children for the host."""
    return Nursery(host)


@pytest.fixture
def loop_child() -> type[LoopActor]:
    return LoopChild


@pytest.fixture
def thread_child() -> type[pykka.ThreadingActor]:
    return ThreadChild


@pytest.fixture
def told() -> type[Told]:
    return Told


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@dataclass
class Grown:
    """A running tree with its probe and its clock."""

    tree: Tree
    probe: EventProbe
    clock: ManualClock

    async def within(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for something, at most the deadline."""
        async with asyncio.timeout(DEADLINE):
            return await awaitable

    async def expect(self, kind: Any, child: str | None = None, count: int = 1) -> Any:
        return await self.within(self.probe.expect(kind, child, count=count))

    async def ask(self, path: str, message: object) -> Any:
        return await ask_async(self.tree.ref(path), message, timeout=DEADLINE)

    async def command(self, message: object, path: str = "") -> Any:
        ref = self.tree.ref(path) if path else self.tree.supervisor
        return await ask_async(ref, message, timeout=DEADLINE)

    async def crash(self, path: str, again: int = 0) -> None:
        """Make a child crash, and wait until it has been started ``again`` times in all."""
        self.tree.ref(path).tell(("raise", ValueError("boom")))
        if again:
            await self.expect(ChildStarted, path, count=again)

    def standing(self, path: str = "") -> dict[str, tuple[int, ChildState]]:
        """Incarnation and state of each child of a supervisor."""
        snapshot = self.tree.snapshot()
        found = snapshot.find(path) if path else snapshot
        return {} if found is None else {c.id: (c.incarnation, c.state) for c in found.children}

    async def counts(self, path: str = "") -> tuple[int, int, int, int]:
        """Specs, active, supervisors, workers."""
        found = await self.command(CountChildren(), path)
        return found.specs, found.active, found.supervisors, found.workers

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Give the loop its turn until something is so."""
        async with asyncio.timeout(DEADLINE):
            while not is_so():
                await asyncio.sleep(0)

    async def rest(self) -> None:
        """Let the loop do everything that is ready."""
        for _ in range(30):
            await asyncio.sleep(0)


@pytest.fixture
def grow() -> Callable[[SupervisorSpec], Any]:
    """``async with grow(spec) as grown``: a tree on a hand-turned clock, stopped at the end."""

    @asynccontextmanager
    async def growing(spec: SupervisorSpec, **more: Any) -> AsyncIterator[Grown]:
        clock = ManualClock()
        tree = Tree(spec, clock=clock, **more)
        probe = EventProbe(tree.events)
        async with tree:
            yield Grown(tree, probe, clock)

    return growing


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """After each test: no thread more than before, and nobody left in Pykka's registry."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(DEADLINE)
        assert not thread.is_alive(), f"{thread.name} is still there"
    assert pykka.ActorRegistry.get_all() == []

"""Telewarden's supervisor carries out scripts, on either host, with either clock.

What it answers has the shape that ``oracle.erl`` answers in: for the start, each step and the stop
a list of the answer, how the root stands, the tree, and who was started and stopped meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

import pykka

from telewarden import errors
from telewarden.supervision import (
    AutoShutdown,
    ChildAbandoned,
    ChildSpec,
    ChildState,
    CountChildren,
    DeleteChild,
    Drill,
    DynamicSpec,
    DynamicSupervisor,
    EventProbe,
    ExitKind,
    GetChildSpec,
    Host,
    Ignore,
    LoopActor,
    ManualClock,
    MonotonicClock,
    Restart,
    RestartChild,
    RestartIntensity,
    Shutdown,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Tree,
    WhichChildren,
)

from .script import Act, Node, Script

__all__ = ["SUBJECTS", "Run", "Subject", "carry_out"]

PATIENCE = 5.0  # seconds to come to rest; a step takes milliseconds
QUIET = 3  # looks in a row that must find everybody waiting
COMMANDS = {"terminate": TerminateChild, "restart": RestartChild, "delete": DeleteChild}
SHUTDOWNS = {
    "timeout": 5.0,
    "infinity": Shutdown.INFINITY,
    "brutal_kill": Shutdown.IMMEDIATE,
}
ENDS = {ExitKind.SHUTDOWN: "shutdown", ExitKind.NORMAL: "normal", ExitKind.ERROR: "error"}


@dataclass(frozen=True)
class Subject:
    """Where a script is carried out."""

    host: Host
    clock: str
    """``manual`` or ``real``."""
    pace: int = 0
    """How much a start or stop dawdles: turns of the loop, or tenths of milliseconds."""

    @property
    def dawdles(self) -> bool:
        """Whether others get their turn while a child starts."""
        return self.pace > 0 or self.host is Host.THREAD

    def __str__(self) -> str:
        return f"{self.host.value}-{self.clock}{f'-{self.pace}' if self.pace else ''}"


SUBJECTS = (
    Subject(Host.LOOP, "manual"),
    Subject(Host.LOOP, "real", pace=2),
    Subject(Host.THREAD, "manual"),
    Subject(Host.THREAD, "real", pace=2),
)


class SettableClock(MonotonicClock):
    """The machine's clock, some seconds on."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self.now = lambda: time.monotonic() + self._ahead  # type: ignore[assignment]

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Book:
    """What all children of a run do, and how often each was started."""

    def __init__(self, pace: int) -> None:
        self.pace = pace
        self.log: list[list[Any]] = []
        self.starts: dict[int, int] = {}

    def begin(self, node: Node) -> tuple[int, str]:
        key = node["key"]
        number = self.starts[key] = self.starts.get(key, 0) + 1
        self.log.append(["start", key])
        plan = node["plan"]
        outcome = plan[number - 1] if number <= len(plan) else "ok"
        if outcome == "fail":
            raise OSError("told to")
        if outcome == "ignore":
            raise Ignore
        return number, outcome


class Working:
    """Does as its plan says; the same on either host."""

    def __init__(self, book: Book, node: Node) -> None:
        super().__init__()
        self.book, self.node = book, node
        self.number, outcome = book.begin(node)  # here: what is broken off has begun
        if outcome != "ok":
            self.actor_ref.tell((outcome, self.number))  # type: ignore[attr-defined]

    def on_receive(self, message: Any) -> None:
        what, number = message
        if number == self.number:  # not what was meant for an earlier incarnation
            if what != "leave":
                raise ValueError(what)
            self.number = 0  # what comes before its stop does not end it another way
            self.stop()  # type: ignore[attr-defined]  # from the actor class beside it

    def end(self) -> None:
        self.book.log.append(["stop", self.node["key"]])


class LoopWorker(Working, LoopActor):
    def on_start(self) -> Any:
        return self.dawdle() if self.book.pace else None

    def on_stop(self) -> Any:
        self.end()
        return self.dawdle() if self.book.pace else None

    async def dawdle(self) -> None:
        for _ in range(self.book.pace):
            await asyncio.sleep(0)


class ThreadWorker(Working, pykka.ThreadingActor):
    def on_start(self) -> None:
        time.sleep(self.book.pace * 1e-4)

    def on_stop(self) -> None:
        self.end()
        time.sleep(self.book.pace * 1e-4)


class Logged(Supervisor):
    """Says when it is made."""

    def __init__(self, spec: SupervisorSpec, book: Book, key: int) -> None:
        book.log.append(["sup", key])
        super().__init__(spec)


class LoggedDynamic(DynamicSupervisor):
    """Says when it is made."""

    def __init__(self, spec: DynamicSpec, book: Book, key: int) -> None:
        book.log.append(["sup", key])
        super().__init__(spec)


@dataclass
class Run:
    """What came of a script."""

    steps: list[list[Any]]
    abandoned: int
    """How many were abandoned, which Erlang does to nobody."""


class _Running:
    def __init__(self, script: Script, subject: Subject) -> None:
        self.script, self.subject = script, subject
        self.book = Book(subject.pace)
        self.clock: Any = ManualClock() if subject.clock == "manual" else SettableClock()
        self.tree = Tree(self.described(script["tree"]), clock=self.clock)
        self.probe = EventProbe(self.tree.events)
        self.ended: set[tuple[str, int]] = set()
        self.up = True

    # descriptions

    def described(self, node: Node) -> SupervisorSpec:
        return SupervisorSpec(
            strategy=Strategy(node["strategy"]),
            children=tuple(self.child(child) for child in node["children"]),
            intensity=RestartIntensity(limit=node["intensity"], period=float(node["period"])),
            auto_shutdown=AutoShutdown(node["auto"]),
        )

    def child(self, node: Node) -> ChildSpec:
        common: dict[str, Any] = {
            "id": node["id"],
            "restart": Restart(node["restart"]),
            "significant": node["significant"],
            "shutdown": SHUTDOWNS[node["shutdown"]],
        }
        if node["kind"] in {"worker", "guest"}:
            actor = LoopWorker if self.subject.host is Host.LOOP else ThreadWorker
            return ChildSpec(actor=actor, args=(self.book, node), **common)
        if node["kind"] == "dynamic":
            intensity = RestartIntensity(limit=node["intensity"], period=float(node["period"]))
            spec: Any = DynamicSpec(intensity=intensity)
            return ChildSpec(actor=LoggedDynamic, args=(spec, self.book, node["key"]), **common)
        return ChildSpec(
            actor=Logged, args=(self.described(node), self.book, node["key"]), **common
        )

    # the run

    async def run(self) -> Run:
        steps = [await self.start()]
        for step in self.script["steps"]:
            answers = [self.do(act) for act in step]
            if self.script["hasty"] and step is self.script["steps"][-1]:
                await self.stop_at_once([a for a in answers if isinstance(a, pykka.Future)])
                return Run(steps, len(self.probe.seen(ChildAbandoned)))
            await self.settle([a for a in answers if isinstance(a, pykka.Future)])
            plain = [self.plain(act, answer) for act, answer in zip(step, answers, strict=True)]
            if len(step) == 1:
                steps.append(self.look(plain[0]))
            else:
                asked = [[n, a] for n, a in enumerate(plain) if step[n][0] == "call"]
                steps.append(self.look(asked))
        await self.tree.stop()
        self.up = False
        steps.append(self.look("stopped"))
        return Run(steps, len(self.probe.seen(ChildAbandoned)))

    async def stop_at_once(self, answers: list[Any]) -> None:
        """Stop before anything comes to rest: that ends, and leaves nobody without an answer."""
        async with asyncio.timeout(PATIENCE):
            report = await self.tree.stop()
        assert report.is_clean or self.probe.seen(ChildAbandoned), report.as_text()
        assert all(answer.done for answer in answers), "somebody still waits for an answer"

    async def start(self) -> list[Any]:
        try:
            await self.tree.start()
        except errors.ChildStartError as error:
            self.up = False
            return self.look(["failed", error.child.rpartition("/")[2]])
        await self.settle([])
        return self.look("ok")

    def do(self, act: Act) -> Any:
        match act:
            case ("advance", seconds):
                self.clock.advance(float(seconds))
            case ("call", path, request):
                ref = self.supervisor(path, request)
                return "dead" if ref is None else ref.ask(self.message(request), block=False)
            case (what, path):
                ref = self.ref(path)
                if ref is not None:
                    self.end(ref, what)
        return "ok"

    def supervisor(self, path: str, request: Any) -> Any:
        """The supervisor at ``path``, unless what bears the name by now is of another kind."""
        ref = self.ref(path)
        if ref is None or not ref.slot.spec.supervises:
            return None
        for_dynamic = request[0] == "start" and request[1]["kind"] == "guest"
        is_dynamic = isinstance(ref.slot.actor, DynamicSupervisor)
        return None if for_dynamic and not is_dynamic else ref

    def message(self, request: Any) -> Any:
        match request:
            case ("which",):
                return WhichChildren()
            case ("count",):
                return CountChildren()
            case ("spec", id_):
                return GetChildSpec(id_)
            case ("start", node):
                return StartChild(self.child(node))
            case (what, id_):
                return COMMANDS[what](id_)

    def end(self, ref: Any, what: str) -> None:
        actor = ref.slot.actor
        once = (ref.slot.urn, ref.slot.incarnation)
        if once in self.ended:
            return  # the second would wait in the mailbox for another incarnation
        self.ended.add(once)
        if not isinstance(actor, Working):
            ref.stop(block=False) if what == "leave" else ref.tell(Drill())
        else:
            ref.tell(("leave" if what == "leave" else "crash", actor.number))

    def ref(self, path: str) -> Any:
        """Whoever runs at ``path``; who is not there now is nobody."""
        if not self.up or self.tree.terminated.done:
            return None
        try:
            ref: Any = self.tree.ref(path) if path else self.tree.supervisor
        except errors.ChildNotFoundError:
            return None
        return ref if ref.slot.state is ChildState.RUNNING else None

    # rest

    async def settle(self, answers: list[Any]) -> None:
        seen, quiet = -1, 0
        deadline = time.monotonic() + PATIENCE
        pause = 0.0002 if self.subject.host is Host.THREAD else 0.0
        while quiet < QUIET:
            await asyncio.sleep(pause)
            is_quiet = all(a.done for a in answers) and self.is_quiet()
            events = len(self.probe._seen)
            quiet = quiet + 1 if is_quiet and events == seen else 0
            seen = events
            if time.monotonic() > deadline:
                raise TimeoutError(f"no rest:\n{self.tree.snapshot().as_text()}")

    def is_quiet(self) -> bool:
        if self.tree.terminated.done or not self.up:
            return True
        host = self.tree._context.host
        if host._calls or host._ready:
            return False
        return self.is_slot_quiet(self.tree.supervisor.slot)

    def is_slot_quiet(self, slot: Any) -> bool:
        if slot.state in {ChildState.STOPPED, ChildState.QUARANTINED, ChildState.GONE}:
            return True
        if slot.state is not ChildState.RUNNING or len(slot.mailbox):
            return False
        worker = getattr(slot.runner, "_worker", None)
        if worker is not None and worker.busy:
            return False
        actor = slot.actor
        if not isinstance(actor, Supervisor | DynamicSupervisor):
            return actor is not None
        if slot.runner.tasks or actor._changes.pending:
            return False
        return all(self.is_slot_quiet(c.slot) for c in actor._children.values())

    # looking

    def look(self, answer: Any) -> list[Any]:
        end = self.how_root_stands()
        state = self.children(self.tree.supervisor.slot) if end == "up" else []
        log, self.book.log[:] = list(self.book.log), []
        return [answer, end, state, log]

    def how_root_stands(self) -> str:
        if self.tree.terminated.done:
            exit_ = self.tree.terminated.get(timeout=0)
            return ENDS.get(exit_.kind, "none")
        return "up" if self.up else "none"

    def children(self, slot: Any) -> list[Any]:
        actor = slot.actor
        if not isinstance(actor, Supervisor | DynamicSupervisor):
            return []
        rows = [self.row(child.slot) for child in actor._children.values()]
        return sorted(rows) if isinstance(actor, DynamicSupervisor) else rows

    def row(self, slot: Any) -> list[Any]:
        if slot.state is not ChildState.RUNNING:
            return [slot.id, PHASES[slot.state]]
        if isinstance(slot.actor, Working):
            key = slot.actor.node["key"]
            return [slot.id, "up", key, self.book.starts[key]]
        return [slot.id, "up", "supervisor", self.children(slot)]

    def plain(self, act: Act, answer: Any) -> Any:
        if not isinstance(answer, pykka.Future):
            return answer
        kind = act[2][0]
        try:
            value = answer.get(timeout=0)
        except Exception as error:  # noqa: BLE001 - the answer
            return plain_error(error)
        match kind:
            case "which":
                return [[info.id, PHASES[info.state]] for info in value]
            case "count":
                names = ("specs", "active", "supervisors", "workers")
                return [[name, getattr(value, name)] for name in names]
            case "spec":
                type_ = "supervisor" if value.supervises else "worker"
                return [value.restart.value, str(value.significant).lower(), type_]
            case "start" | "restart" if value is None:
                return "ignored"
        return "ok"


PHASES = {
    ChildState.RUNNING: "up",
    ChildState.STARTING: "starting",
    ChildState.STOPPING: "stopping",
    ChildState.STOPPED: "down",
    ChildState.RESTARTING: "restarting",
    ChildState.IDLE: "idle",
    ChildState.QUARANTINED: "quarantined",
    ChildState.GONE: "gone",
}
ERRORS: dict[type[BaseException], str] = {
    errors.ChildRunningError: "running",
    errors.ChildPresentError: "present",
    errors.ChildRestartingError: "restarting",
    errors.ChildNotFoundError: "not_found",
    errors.ChildStartError: "failed",
    errors.ChildUnavailableError: "dead",
    pykka.ActorDeadError: "dead",
    errors.InvalidSpecError: "spec",
}


def plain_error(error: BaseException) -> str:
    return ERRORS.get(type(error), f"{type(error).__name__}: {error}")


def carry_out(script: Script, subject: Subject) -> Run:
    """Carry a script out, in a loop of its own, and see that nothing of it stays."""
    before = set(threading.enumerate())
    try:
        run = asyncio.run(_Running(script, subject).run())
    except BaseException:
        pykka.ActorRegistry._actor_refs.clear()  # it is not the next script's fault
        raise
    assert pykka.ActorRegistry.get_all() == []
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"the thread of {thread.name} is still there"
    return run

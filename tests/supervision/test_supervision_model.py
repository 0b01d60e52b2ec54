"""Random trees, random commands and crashes, held to a pure model of OTP's rules."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pykka
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from telewarden.errors import ChildRunningError, ChildStartError, DrillError
from telewarden.supervision import (
    ChildSpec,
    ChildState,
    DeleteChild,
    Drill,
    EventProbe,
    Host,
    LoopActor,
    ManualClock,
    Restart,
    RestartChild,
    RestartIntensity,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Tree,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*", DrillError, start=(ChildStartError, OSError), logged="supervisor gives up"
    ),
]


def _model() -> Any:
    """The module beside this one; tests are not a package."""
    spec = importlib.util.spec_from_file_location(
        "otp_model", Path(__file__).with_name("otp_model.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["otp_model"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


otp = _model()


class Orders:
    """How often a worker was started, and how many starts are still to fail."""

    def __init__(self) -> None:
        self.starts = self.failures_to_come = 0


class Working:
    """Counts its starts, and fails those it is told to."""

    def __init__(self, orders: Orders) -> None:
        super().__init__()
        self.orders = orders

    def on_start(self) -> None:
        self.orders.starts += 1
        if self.orders.failures_to_come:
            self.orders.failures_to_come -= 1
            raise OSError("told to")

    def on_receive(self, message: object) -> None:
        self.stop()  # type: ignore[attr-defined]  # from the actor class beside it


class LoopWorker(Working, LoopActor):
    """On the loop."""


class ThreadWorker(Working, pykka.ThreadingActor):
    """On a thread."""


PATIENCE = 30.0  # seconds to come to rest
LOOK_EVERY = 0.001  # seconds; without a pause threads would wait for the interpreter's switch
WORKERS = {Host.LOOP: LoopWorker, Host.THREAD: ThreadWorker}
restarts = st.sampled_from(Restart)
strategies = st.sampled_from(Strategy)


@st.composite
def groups(draw: Any, prefix: str = "", depth: int = 2) -> Any:
    """A description of a group, as the model wants it."""
    children: list[Any] = []
    for number in range(draw(st.integers(1, 3))):
        id_ = f"{prefix}{'abc'[number]}"
        if depth > 1 and draw(st.integers(0, 2)) == 0:
            children.append(draw(groups(prefix=id_, depth=depth - 1)))
        else:
            children.append(otp.Worker(id_, draw(restarts)))
    return otp.Group(
        id=prefix or "root",
        restart=draw(restarts) if prefix else Restart.PERMANENT,
        strategy=draw(strategies),
        limit=draw(st.sampled_from([0, 1, 2, 4, 10])),
        within=draw(st.sampled_from([1.0, 5.0, 60.0])),
        described=tuple(children),
    )


class Held(RuleBasedStateMachine):
    """The real tree beside the model."""

    host = Host.LOOP

    @initialize(root=groups())
    def grow(self, root: Any) -> None:
        self.runner = asyncio.Runner()
        self.orders: dict[str, Orders] = {}
        self.clock = ManualClock()
        self.tree = Tree(self.described(root), clock=self.clock)
        self.probe = EventProbe(self.tree.events)
        self.added = 0
        self.runner.run(self.tree.start())
        self.model = otp.Model(root)
        self.agree()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.tree.stop())
            self.runner.close()
            assert pykka.ActorRegistry.get_all() == []

    # descriptions

    def described(self, group: Any) -> SupervisorSpec:
        return SupervisorSpec(
            strategy=group.strategy,
            children=tuple(self.child(node) for node in group.described),
            intensity=RestartIntensity(limit=group.limit, period=group.within),
        )

    def child(self, node: Any) -> ChildSpec:
        if isinstance(node, otp.Group):
            args: tuple[Any, ...] = (self.described(node),)
            return ChildSpec(id=node.id, actor=Supervisor, args=args, restart=node.restart)
        orders = self.orders.setdefault(node.id, Orders())
        actor = WORKERS[self.host]
        return ChildSpec(id=node.id, actor=actor, args=(orders,), restart=node.restart)

    # what happens

    def nodes(self, *, up: bool) -> list[tuple[str, Any, Any]]:
        """Path, group and child of each child that is up, or down, below a group that is up."""
        return [
            (f"{path}/{child.id}".lstrip("/"), group, child)
            for path, group in self.model.groups().items()
            for child in group.children.values()
            if child.up is up
        ]

    def pick(self, data: Any, *, up: bool, workers: bool = False) -> Any:
        found = [n for n in self.nodes(up=up) if not workers or isinstance(n[2], otp.Worker)]
        return data.draw(st.sampled_from(found)) if found else None

    def command(self, group: Any, message: object) -> Any:
        path = next(path for path, one in self.model.groups().items() if one is group)
        ref = self.tree.ref(path) if path else self.tree.supervisor
        return self.runner.run(ask_async(ref, message, timeout=5))

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data(), failures=st.integers(0, 3))
    def a_child_crashes(self, data: Any, failures: int) -> None:
        picked = self.pick(data, up=True)
        if picked is None:
            return
        path, _, child = picked
        if isinstance(child, otp.Worker) and child.restart is not Restart.TEMPORARY:
            child.failures_to_come = self.orders[child.id].failures_to_come = failures
        self.tree.ref(path).tell(Drill())
        self.model.crash(child.id)
        self.agree()

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data())
    def a_worker_leaves(self, data: Any) -> None:
        picked = self.pick(data, up=True, workers=True)
        if picked is not None:
            self.tree.ref(picked[0]).tell("leave")
            self.model.leave(picked[2].id)
            self.agree()

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data(), again=st.booleans())
    def somebody_terminates_a_child(self, data: Any, again: bool) -> None:
        picked = self.pick(data, up=not again)
        if picked is not None:
            _, group, child = picked
            self.command(group, TerminateChild(child.id))
            self.model.terminate(group, child.id)
            self.agree()

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data(), fails=st.booleans())
    def somebody_restarts_a_child(self, data: Any, fails: bool) -> None:
        picked = self.pick(data, up=False)
        if picked is None:
            return
        _, group, child = picked
        if isinstance(child, otp.Worker):
            child.failures_to_come = self.orders[child.id].failures_to_come = int(fails)
        if self.model.restart(group, child.id):
            self.command(group, RestartChild(child.id))
        else:
            with pytest.raises(ChildStartError):
                self.command(group, RestartChild(child.id))
        self.agree()

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data())
    def somebody_deletes_a_child(self, data: Any) -> None:
        picked = self.pick(data, up=data.draw(st.booleans()))
        if picked is None:
            return
        _, group, child = picked
        if child.up:
            with pytest.raises(ChildRunningError):
                self.command(group, DeleteChild(child.id))
        else:
            self.command(group, DeleteChild(child.id))
            self.model.delete(group, child.id)
        self.agree()

    @precondition(lambda self: not self.model.dead)
    @rule(data=st.data(), restart=restarts, fails=st.booleans())
    def somebody_adds_a_child(self, data: Any, restart: Restart, fails: bool) -> None:
        group = data.draw(st.sampled_from(list(self.model.groups().values())))
        self.added += 1
        worker = otp.Worker(f"new{self.added}", restart, failures_to_come=int(fails))
        spec = self.child(worker)
        self.orders[worker.id].failures_to_come = int(fails)
        if self.model.add(group, worker):
            self.command(group, StartChild(spec))
        else:
            with pytest.raises(ChildStartError):
                self.command(group, StartChild(spec))
        self.agree()

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.5, 6.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.runner.run(self.advance(seconds))
        self.model.now += seconds
        self.agree()

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # agreement

    def agree(self) -> None:
        self.runner.run(self.come_to_agree())

    async def come_to_agree(self) -> None:
        model = self.model
        wanted = (model.dead, model.standing(), model.starts())
        try:
            async with asyncio.timeout(PATIENCE):
                while self.real() != wanted:
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            assert self.real() == wanted, (self.real(), wanted, self.tree.snapshot().as_text())

    def real(self) -> tuple[bool, dict[str, list[tuple[str, bool]]], dict[str, int]]:
        if self.tree.terminated.done:
            return True, {}, {}
        starts = {id_: self.orders[id_].starts for id_ in self.model.starts()}
        return False, self.standing(), starts

    def standing(self) -> dict[str, list[tuple[str, bool]]]:
        found = {}
        for one in self.tree.snapshot().walk():
            path = "" if one.path == "warden" else one.path
            if one.actor == "Supervisor" and one.state is ChildState.RUNNING:
                found[path] = [
                    (child.id, child.state is ChildState.RUNNING) for child in one.children
                ]
        return found


class HeldOnThreads(Held):
    """The same on threads."""

    host = Host.THREAD


LIMITS = settings(
    deadline=None,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Stage.explicit, Stage.generate, Stage.shrink),  # without tracing every line
)
TestOnTheLoop = Held.TestCase
TestOnTheLoop.settings = settings(LIMITS, max_examples=100)
TestOnThreads = HeldOnThreads.TestCase
TestOnThreads.settings = settings(LIMITS, max_examples=30)

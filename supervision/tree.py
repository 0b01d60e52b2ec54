"""The front door: starts a tree of supervisors, finds its children, and stops it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Self

import pykka

from ..errors import ChildNotFoundError, SupervisionError
from .clock import Clock
from .observe.crash_history import CrashHistory
from .observe.event_stream import EventStream
from .observe.loop_watchdog import LoopWatch, leave_process
from .observe.stop_report import StopReport
from .policy.circuit_breaker import CircuitBreaker
from .runtime.child_slot import ChildSlot
from .runtime.event_loop import LoopHost
from .runtime.future import Reply
from .runtime.loop_thread import LoopThread
from .runtime.runner_factory import make_runner
from .runtime.tree_context import DeadLetters, TreeContext
from .spec.child_spec import ChildSpec
from .spec.supervisor_spec import SupervisorSpec
from .supervisor.root import Root
from .supervisor.static import Supervisor
from .tree_snapshot import Snapshot, take

STOP_LIMIT = 60.0  # seconds; longer than any sensible chain of children's own limits


class Tree:
    """A supervisor and everything below it.

    ``async with Tree(spec) as tree`` runs it in the loop that is running; ``with Tree(spec) as
    tree`` in a loop of its own, on a thread of its own.

    Args:
        spec: the root supervisor.
        name: the root's name in events, logs and drawings.
        clock: where time comes from; a ``ManualClock`` in tests.
        rng: where chance comes from.
        events: where events go; ``tree.events`` otherwise.
        circuit_breaker: how children that fail for one cause wait together; see ``SharedCause``.
        history: crashes of earlier processes, which count towards the children's own intensities.
        wall: the wall clock that the history's times are on.
        loop_watch: has a thread look whether the loop turns; see ``LoopWatch``.
        abandoned_limit: past so many incarnations abandoned the tree stops and ``terminated``
            has a ``TooManyAbandonedError``: the process should be started anew, exit code 70.
        leave: ends the process when the loop is given up.
        loop_factory: makes the loop for plain code, ``uvloop.new_event_loop`` for one.
    """

    def __init__(
        self,
        spec: SupervisorSpec,
        *,
        name: str = "warden",
        clock: Clock | None = None,
        rng: random.Random | None = None,
        events: EventStream | None = None,
        circuit_breaker: CircuitBreaker | None = None,
        history: CrashHistory | None = None,
        wall: Callable[[], float] = time.time,
        loop_watch: LoopWatch | None = None,
        abandoned_limit: int | None = None,
        leave: Callable[[int], object] = leave_process,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._spec = ChildSpec(id=name, actor=Supervisor, args=(spec,))
        self._context = TreeContext(
            make_runner=make_runner,
            clock=clock,
            rng=rng,
            events=events,
            circuit_breaker=circuit_breaker,
            history=history,
            wall=wall,
        )
        self._loop_watch, self._leave = loop_watch, leave
        self._abandoned_limit = abandoned_limit
        self._own_loop = LoopThread(f"{name}-loop", loop_factory)
        self._root: Root | None = None
        self._report = StopReport((), 0.0)
        self.terminated = Reply()
        """Answered with the root's ``Exit`` when it has ended; to ``await`` or to ``get``."""

    # entering and leaving

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self.start_blocking()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_blocking()

    async def start(self) -> None:
        """Start everything, in order, in the running loop.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        self._context.host = LoopHost(asyncio.get_running_loop())
        self._root = Root(
            self._context,
            self._spec,
            terminated=self.terminated,
            abandoned_limit=self._abandoned_limit,
            loop_watch=self._loop_watch,
            leave=self._leave,
        )
        await self._root.start()

    async def stop(self, timeout: float = STOP_LIMIT) -> StopReport:
        """Stop everything, newest first, and tell how that went. More than once is fine.

        Args:
            timeout: seconds for the whole tree; what has not stopped by then is abandoned.
        """
        if self._root is not None:
            self._report = await self._root.stop(timeout)
        return self._report

    def start_blocking(self) -> None:
        """Start everything in a new loop on a new thread.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        self._own_loop.start(self.start)

    def stop_blocking(self, timeout: float = STOP_LIMIT) -> StopReport:
        """Stop everything from plain code; see ``stop``."""
        if self._own_loop.is_alive:
            self._own_loop.stop(lambda: self.stop(timeout))
        return self._report

    # looking at it

    @property
    def events(self) -> EventStream:
        """Where its events go."""
        return self._context.events

    @property
    def dead_letters(self) -> DeadLetters:
        """The messages that were not handled to the end."""
        return self._context.dead_letters

    @property
    def abandoned(self) -> int:
        """How many incarnations had to be abandoned."""
        return self._context.abandoned

    @property
    def loop_lag(self) -> float:
        """Seconds that the loop last took to turn; 0 when no ``loop_watch`` was asked for."""
        return 0.0 if self._root is None else self._root.lag

    @property
    def causes(self) -> dict[str, tuple[str, int]]:
        """Of each shared cause that is not clear: its state, and how many children wait for it."""
        return {} if self._context.causes is None else self._context.causes.states()

    @property
    def supervisor(self) -> pykka.ActorRef[Any]:
        """The root supervisor's reference."""
        return self._top().ref

    def ref(self, path: str) -> pykka.ActorRef[Any]:
        """The stable reference of the child at ``path``: ids from below the root, with ``/``.

        Raises:
            ChildNotFoundError: nobody lives there.
        """
        slot = self._top()
        for id_ in path.split("/") if isinstance(path, str) else (path,):  # type: ignore[redundant-expr]  # whatever is given
            if id_ not in slot.children:
                raise ChildNotFoundError(path)
            slot = slot.children[id_]
        return slot.ref

    def snapshot(self) -> Snapshot:
        """The tree as it is now; from any thread."""
        return take(self._top())

    def _top(self) -> ChildSlot:
        if self._root is None:
            raise SupervisionError("the tree has not been started")
        return self._root.slot

"""The front door: starts a tree of supervisors, finds who lives in it, and stops it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pykka

from ..errors import (
    ChildAbandonedError,
    ChildNotFoundError,
    SupervisionError,
    TooManyAbandonedError,
)
from .bulkhead import Bulkhead
from .clock import Clock
from .errands import life_of
from .exits import Exit, ExitKind
from .groupspec import SupervisorSpec
from .history import CrashHistory
from .loophost import LoopHost
from .overseer import start_error
from .phases import Phase
from .place import Place
from .realm import DeadLetters, Realm
from .reply import Reply
from .reports import Reports
from .snapshot import Snapshot, take
from .spec import ChildSpec
from .stopreport import StopEntry, StopReport
from .stream import EventStream
from .supervisor import Supervisor
from .watchdog import LoopWatch, LoopWatchdog, leave_process

__all__ = ["Tree"]

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
        bulkhead: how children that fail for one cause wait together; see ``SharedCause``.
        history: crashes of earlier processes, which the children's own budgets remember.
        wall: the wall clock that the history's times are on.
        loop_watch: has a thread look whether the loop turns; see ``LoopWatch``.
        abandoned_limit: past so many incarnations left behind the tree stops and ``terminated``
            has a ``TooManyAbandonedError``: the process should be started anew, exit code 70.
        leave: ends the process when the loop is given up.
    """

    def __init__(
        self,
        spec: SupervisorSpec,
        *,
        name: str = "warden",
        clock: Clock | None = None,
        rng: random.Random | None = None,
        events: EventStream | None = None,
        bulkhead: Bulkhead | None = None,
        history: CrashHistory | None = None,
        wall: Callable[[], float] = time.time,
        loop_watch: LoopWatch | None = None,
        abandoned_limit: int | None = None,
        leave: Callable[[int], object] = leave_process,
    ) -> None:
        self._spec, self._name = spec, name
        self._realm = Realm(
            clock=clock, rng=rng, events=events, bulkhead=bulkhead, history=history, wall=wall
        )
        self._loop_watch, self._leave = loop_watch, leave
        self._abandoned_limit = abandoned_limit
        self._watchdog: LoopWatchdog | None = None
        self._root: Place | None = None
        self._started: asyncio.Future[Exit | None] | None = None
        self._thread: threading.Thread | None = None
        self._report: StopReport | None = None
        self._left: asyncio.Event
        self.terminated = Reply()
        """Answered with the root's ``Exit`` when it has ended; to ``await`` or to ``get``."""

    # entering and leaving

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self.start_blocking()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop_blocking()

    async def start(self) -> None:
        """Start everything, in order, in the running loop.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        loop = asyncio.get_running_loop()
        self._realm.host = host = LoopHost(loop)
        self._reports = Reports(host.post_later)
        self._reporting = self.events.subscribe(self._reports.take)
        self._realm.when_abandoned = self._count_abandoned
        if self._loop_watch is not None:
            self._watchdog = LoopWatchdog(
                self._loop_watch,
                publish=self.events.publish,
                now=self._realm.clock.now,
                leave=self._give_up_loop,
            )
        self._root = root = Place(
            self._realm, ChildSpec(id=self._name, actor=Supervisor, args=(self._spec,))
        )
        root.watcher = self
        self._started = loop.create_future()
        outcome = root.begin()
        try:
            exit_ = await self._started if outcome is None else _failure(outcome)
        except asyncio.CancelledError:
            await self.stop()
            raise
        if exit_ is None:
            root.went_up()
            return
        self.ended(root, root.incarnation, exit_)
        raise start_error(root, exit_)

    async def stop(self, timeout: float = STOP_LIMIT) -> StopReport:
        """Stop everything, newest first, and tell how that went. More than once is fine.

        Args:
            timeout: seconds for the whole tree; what has not stopped by then is left behind.
        """
        root = self._root
        if root is None or root.gone.is_set():
            return self._report or StopReport((), 0.0)
        begun = self._realm.clock.now()
        if self._realm.stops is None:
            self._realm.stops = []
            root.phase = Phase.STOPPING
            exit_ = root.runner.halt()
            if exit_ is not None:
                self.ended(root, root.incarnation, exit_)
        try:
            async with asyncio.timeout(timeout):
                await self.terminated
        except TimeoutError:
            self._leave_behind(root, timeout)
        if self._report is None:
            self._report = StopReport(tuple(self._realm.stops), self._realm.clock.now() - begun)
        return self._report

    # what the root place reports

    def started(self, place: Place, incarnation: int) -> None:  # noqa: ARG002 - there is one
        """The root runs."""
        if self._started is not None and not self._started.done():
            self._started.set_result(None)

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:  # noqa: ARG002
        """The root has ended, and with it everything."""
        place.went_down(exit_)
        place.forget()
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._realm.gates is not None:
            self._realm.gates.close()
        self._reporting.close()
        self._reports.flush()
        if self._started is not None and not self._started.done():
            self._started.set_result(exit_)
        if not self.terminated.done:
            self.terminated.set(exit_)

    def _give_up_loop(self, code: int) -> None:
        """The loop stands still for good, and with it the log: write what waits, then leave."""
        self._reports.flush()
        self._leave(code)

    def _count_abandoned(self, abandoned: int) -> None:
        limit, root = self._abandoned_limit, self._root
        if limit is not None and abandoned > limit and root is not None:
            cause = TooManyAbandonedError(abandoned, limit)
            life_of(root).leave(Exit(ExitKind.SHUTDOWN, cause))

    def _leave_behind(self, root: Place, seconds: float) -> None:
        assert self._realm.stops is not None  # noqa: S101 - set by stop
        for place in root.walk():
            if place.alive:
                place.runner.fence()
                self._realm.count_abandoned()
                cause = ChildAbandonedError(place.path, seconds)
                entry = StopEntry(place.path, Exit(ExitKind.ABANDONED, cause), seconds)
                self._realm.stops.append(entry)
        self.ended(root, root.incarnation, Exit(ExitKind.ABANDONED))

    # in a loop of its own

    def start_blocking(self) -> None:
        """Start everything in a new loop on a new thread.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        ready: Reply = Reply()
        self._thread = threading.Thread(
            target=self._live, args=(ready,), name=f"{self._name}-loop", daemon=True
        )
        self._thread.start()
        try:
            ready.get()
        except BaseException:
            self._thread.join()
            raise

    def _live(self, ready: Reply) -> None:
        asyncio.run(self._live_in_loop(ready))

    async def _live_in_loop(self, ready: Reply) -> None:
        try:
            await self.start()
        except BaseException as error:  # noqa: BLE001 - it is raised where the tree was asked for
            ready.fail(error)
            return
        # the loop stays until the tree is left, also when the root has given up before
        self._left = asyncio.Event()
        ready.set(None)
        await self._left.wait()

    def stop_blocking(self, timeout: float = STOP_LIMIT) -> StopReport:
        """Stop everything from plain code; see ``stop``."""
        if self._thread is None or not self._thread.is_alive():
            return self._report or StopReport((), 0.0)
        leaving = self._stop_and_leave(timeout)
        report = asyncio.run_coroutine_threadsafe(leaving, self._realm.host.loop).result()
        self._thread.join()
        return report

    async def _stop_and_leave(self, timeout: float) -> StopReport:
        try:
            return await self.stop(timeout)
        finally:
            self._left.set()

    # looking at it

    @property
    def events(self) -> EventStream:
        """Where its events go."""
        return self._realm.events

    @property
    def dead_letters(self) -> DeadLetters:
        """The messages that were not handled to the end."""
        return self._realm.dead_letters

    @property
    def abandoned(self) -> int:
        """How many incarnations had to be left behind."""
        return self._realm.abandoned

    @property
    def loop_lag(self) -> float:
        """Seconds that the loop last took to turn; 0 when no ``loop_watch`` was asked for."""
        return 0.0 if self._watchdog is None else self._watchdog.lag

    @property
    def causes(self) -> dict[str, tuple[str, int]]:
        """Of each shared cause that is not clear: its state, and how many children wait for it."""
        return {} if self._realm.gates is None else self._realm.gates.states()

    @property
    def supervisor(self) -> pykka.ActorRef[Any]:
        """The root supervisor's reference."""
        return self._top().ref

    def ref(self, path: str) -> pykka.ActorRef[Any]:
        """The stable reference of the child at ``path``: ids from below the root, with ``/``.

        Raises:
            ChildNotFoundError: nobody lives there.
        """
        place = self._top()
        for id_ in path.split("/"):
            if id_ not in place.children:
                raise ChildNotFoundError(path)
            place = place.children[id_]
        return place.ref

    def snapshot(self) -> Snapshot:
        """The tree as it is now; from any thread."""
        return take(self._top())

    def _top(self) -> Place:
        if self._root is None:
            raise SupervisionError("the tree has not been started")
        return self._root


def _failure(outcome: bool | Exit) -> Exit | None:
    return outcome if isinstance(outcome, Exit) else None

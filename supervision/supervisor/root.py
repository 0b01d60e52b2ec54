"""The top of a running tree: it supervises the slot of the root supervisor.

Owns the root's start, stop and end, and what begins and ends with the tree: the log's reports,
the loop's watchdog, the limit of what may be abandoned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...errors import ChildAbandonedError, TooManyAbandonedError
from ..observe.event_logger import REPORTED, EventLogger
from ..observe.loop_watchdog import LoopWatch, LoopWatchdog
from ..observe.stop_report import StopEntry, StopReport
from ..policy.exit_reason import Exit, ExitKind
from ..runtime.actor_tasks import runner_of
from ..runtime.child_slot import ChildSlot
from ..runtime.future import Reply
from ..runtime.states import ChildState
from ..runtime.tree_context import Slot, TreeContext
from ..spec.child_spec import ChildSpec
from .child import start_error


class Root:
    """Made in the loop that the tree is to live in.

    Args:
        context: what the tree shares; its ``host`` is set.
        spec: the root supervisor as a child.
        terminated: answered with the root's ``Exit`` when it has ended.
        abandoned_limit: past so many incarnations abandoned the tree stops.
        loop_watch: how closely the loop is watched, if at all.
        leave: ends the process when the loop is given up.
    """

    def __init__(
        self,
        context: TreeContext,
        spec: ChildSpec,
        *,
        terminated: Reply,
        abandoned_limit: int | None,
        loop_watch: LoopWatch | None,
        leave: Callable[[int], object],
    ) -> None:
        self._context, self._terminated = context, terminated
        self._abandoned_limit, self._leave = abandoned_limit, leave
        context.when_abandoned = self._count_abandoned
        self._event_logger = EventLogger(context.host.call_when_idle)
        self._reporting = context.events.subscribe(self._event_logger.take, REPORTED)
        self._watchdog = None if loop_watch is None else self._watched(loop_watch)
        self._started: asyncio.Future[Exit | None] = asyncio.get_running_loop().create_future()
        self._report: StopReport | None = None
        context.host.open()
        self.slot = ChildSlot(context, spec)
        self.slot.supervisor = self

    def _watched(self, how: LoopWatch) -> LoopWatchdog:
        publish, now = self._context.events.publish, self._context.clock.now
        return LoopWatchdog(how, publish=publish, now=now, leave=self._give_up_loop)

    @property
    def lag(self) -> float:
        """Seconds that the loop last took to turn; 0 when nobody watches it."""
        return 0.0 if self._watchdog is None else self._watchdog.lag

    async def start(self) -> None:
        """Start everything.

        Raises:
            ChildStartError: a child did not start; those before it have been stopped again.
        """
        slot, outcome = self.slot, self.slot.start()
        try:
            exit_ = await self._started if outcome is None else outcome
        except asyncio.CancelledError:
            await self.stop(None)
            raise
        if isinstance(exit_, Exit):
            self.child_exited(slot, slot.incarnation, exit_)
            raise start_error(slot, exit_)
        slot.on_started()

    async def stop(self, timeout: float | None) -> StopReport:
        """Stop everything, newest first; after ``timeout`` seconds abandon the rest."""
        if self.slot.gone.is_set():
            return self._report or StopReport((), 0.0)
        begun = self._context.clock.now()
        if self._context.stops is None:
            self._context.stops = []
            self._halt()
        try:
            async with asyncio.timeout(timeout):
                await self._terminated
        except TimeoutError:
            self._abandon_rest(timeout or 0.0)
        if self._report is None:
            self._report = StopReport(tuple(self._context.stops), self._context.clock.now() - begun)
        return self._report

    def _halt(self) -> None:
        self.slot.state = ChildState.STOPPING
        exit_ = self.slot.runner.stop()
        if exit_ is not None:
            self.child_exited(self.slot, self.slot.incarnation, exit_)

    # what the slot reports

    def child_started(self, _slot: Slot, _incarnation: int) -> None:
        """The root runs."""
        if not self._started.done():
            self._started.set_result(None)

    def child_exited(self, _slot: Slot, _incarnation: int, exit_: Exit) -> None:
        """The root has ended, and with it everything."""
        if not self._started.done() and self._context.stops is None:
            self._context.stops = []  # it never came up: what is left unread is no news
        self.slot.on_exited(exit_)
        self.slot.forget()
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._context.causes is not None:
            self._context.causes.close()
        self._reporting.close()
        self._event_logger.flush()
        self._context.host.close()
        if not self._started.done():
            self._started.set_result(exit_)
        if not self._terminated.done:
            self._terminated.set(exit_)

    # when it cannot go on

    def _give_up_loop(self, code: int) -> None:
        """The loop stands still for good, and with it the log: write what waits, then leave."""
        self._event_logger.flush()
        self._leave(code)

    def _count_abandoned(self, abandoned: int) -> None:
        limit = self._abandoned_limit
        if limit is not None and abandoned > limit:
            cause = TooManyAbandonedError(abandoned, limit)
            runner_of(self.slot).leave(Exit(ExitKind.SHUTDOWN, cause))

    def _abandon_rest(self, seconds: float) -> None:
        assert self._context.stops is not None  # noqa: S101 - set by stop
        for slot in self.slot.walk():
            if slot.alive:
                slot.runner.fence()
                self._context.count_abandoned()
                cause = ChildAbandonedError(slot.path, seconds)
                entry = StopEntry(slot.path, Exit(ExitKind.ABANDONED, cause), seconds)
                self._context.stops.append(entry)
        self.child_exited(self.slot, self.slot.incarnation, Exit(ExitKind.ABANDONED))

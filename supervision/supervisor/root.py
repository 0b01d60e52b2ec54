"""The top of a running tree: what watches over the root supervisor's place, as it does over others.

Owns the root's start, stop and end, and what begins and ends with the tree: the log's reports,
the loop's watchdog, the limit of what may be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...errors import ChildAbandonedError, TooManyAbandonedError
from ..observe.event_logger import REPORTED, Reports
from ..observe.loop_watchdog import LoopWatch, LoopWatchdog
from ..observe.stop_report import StopEntry, StopReport
from ..policy.exit_reason import Exit, ExitKind
from ..runtime.actor_tasks import life_of
from ..runtime.child_slot import Place
from ..runtime.future import Reply
from ..runtime.states import Phase
from ..runtime.tree_context import Realm
from ..spec.child_spec import ChildSpec
from .restarts import start_error

__all__ = ["Root"]


class Root:
    """Made in the loop that the tree is to live in.

    Args:
        realm: what the tree shares; its ``host`` is set.
        spec: the root supervisor as a child.
        terminated: answered with the root's ``Exit`` when it has ended.
        abandoned_limit: past so many incarnations left behind the tree stops.
        loop_watch: how closely the loop is watched, if at all.
        leave: ends the process when the loop is given up.
    """

    def __init__(
        self,
        realm: Realm,
        spec: ChildSpec,
        *,
        terminated: Reply,
        abandoned_limit: int | None,
        loop_watch: LoopWatch | None,
        leave: Callable[[int], object],
    ) -> None:
        self._realm, self._terminated = realm, terminated
        self._abandoned_limit, self._leave = abandoned_limit, leave
        realm.when_abandoned = self._count_abandoned
        self._reports = Reports(realm.host.post_later)
        self._reporting = realm.events.subscribe(self._reports.take, REPORTED)
        self._watchdog = None if loop_watch is None else self._watched(loop_watch)
        self._started: asyncio.Future[Exit | None] = asyncio.get_running_loop().create_future()
        self._report: StopReport | None = None
        realm.host.open()
        self.place = Place(realm, spec)
        self.place.watcher = self

    def _watched(self, how: LoopWatch) -> LoopWatchdog:
        publish, now = self._realm.events.publish, self._realm.clock.now
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
        place, outcome = self.place, self.place.begin()
        try:
            exit_ = await self._started if outcome is None else outcome
        except asyncio.CancelledError:
            await self.stop(None)
            raise
        if isinstance(exit_, Exit):
            self.ended(place, place.incarnation, exit_)
            raise start_error(place, exit_)
        place.went_up()

    async def stop(self, timeout: float | None) -> StopReport:
        """Stop everything, newest first; after ``timeout`` seconds leave the rest behind."""
        if self.place.gone.is_set():
            return self._report or StopReport((), 0.0)
        begun = self._realm.clock.now()
        if self._realm.stops is None:
            self._realm.stops = []
            self._halt()
        try:
            async with asyncio.timeout(timeout):
                await self._terminated
        except TimeoutError:
            self._leave_behind(timeout or 0.0)
        if self._report is None:
            self._report = StopReport(tuple(self._realm.stops), self._realm.clock.now() - begun)
        return self._report

    def _halt(self) -> None:
        self.place.phase = Phase.STOPPING
        exit_ = self.place.runner.halt()
        if exit_ is not None:
            self.ended(self.place, self.place.incarnation, exit_)

    # what the place reports

    def started(self, place: Place, incarnation: int) -> None:  # noqa: ARG002 - there is one
        """The root runs."""
        if not self._started.done():
            self._started.set_result(None)

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:  # noqa: ARG002 - as above
        """The root has ended, and with it everything."""
        if not self._started.done() and self._realm.stops is None:
            self._realm.stops = []  # it never came up: what is left unread is no news
        place.went_down(exit_)
        place.forget()
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._realm.gates is not None:
            self._realm.gates.close()
        self._reporting.close()
        self._reports.flush()
        self._realm.host.close()
        if not self._started.done():
            self._started.set_result(exit_)
        if not self._terminated.done:
            self._terminated.set(exit_)

    # when it cannot go on

    def _give_up_loop(self, code: int) -> None:
        """The loop stands still for good, and with it the log: write what waits, then leave."""
        self._reports.flush()
        self._leave(code)

    def _count_abandoned(self, abandoned: int) -> None:
        limit = self._abandoned_limit
        if limit is not None and abandoned > limit:
            cause = TooManyAbandonedError(abandoned, limit)
            life_of(self.place).leave(Exit(ExitKind.SHUTDOWN, cause))

    def _leave_behind(self, seconds: float) -> None:
        assert self._realm.stops is not None  # noqa: S101 - set by stop
        for place in self.place.walk():
            if place.alive:
                place.runner.fence()
                self._realm.count_abandoned()
                cause = ChildAbandonedError(place.path, seconds)
                entry = StopEntry(place.path, Exit(ExitKind.ABANDONED, cause), seconds)
                self._realm.stops.append(entry)
        self.ended(self.place, self.place.incarnation, Exit(ExitKind.ABANDONED))

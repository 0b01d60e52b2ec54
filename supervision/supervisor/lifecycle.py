"""How a supervisor keeps its children: their records, their starts and their stops (S14, S15, S18).

It never waits inside a handler: a start or an end is reported by the place, through the loop's
queue, so that a stop always finds its turn. What follows from an end is decided in ``overseer``.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, Final

from ...errors import ChildAbandonedError, HandlerStuckError
from ..observe.events import ChildAbandoned, ChildStarted, ChildStopped, ChildStuck, Event
from ..policy.exit_reason import Exit, ExitKind
from ..runtime.child_slot import Place
from ..runtime.loop_actor import LoopActor
from ..runtime.states import Outcome, Phase
from ..spec.child_spec import ChildSpec, Shutdown
from .child import Child

__all__ = ["Keeper"]

STARTING: Final = Phase.STARTING
STOPPING: Final = Phase.STOPPING
OFF: Final = Exit(ExitKind.SHUTDOWN)
LOOKS: Final = 4  # at a busy child in the time that one message may take
CUT_OFF: Final = Exit(ExitKind.SHUTDOWN, detail="killed with its supervisor")


class Keeper(LoopActor):
    """Starts, watches and stops children, one by one."""

    is_supervisor: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._children: dict[str, Child] = {}

    @abc.abstractmethod
    def _fell(self, child: Child, exit_: Exit, uptime: float) -> None:
        """A child ended and nobody waited for it."""

    # what its places report

    def started(self, place: Place, incarnation: int) -> None:  # noqa: ARG002 - the place checks it
        """A start that had been left open succeeded."""
        child = self._known(place)
        if child is not None and place.phase is STARTING:
            child.disarm()
            self._is_up(child)
            child.tell_waiters(None)

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:  # noqa: ARG002 - as above
        """An incarnation ended: tell who waits for that, or decide what follows."""
        child = self._known(place)
        if child is None or not place.alive:
            return
        child.disarm()
        uptime = self._uptime(place)
        child.was_asked = place.phase is STOPPING
        place.went_down(exit_)
        if isinstance(exit_.error, ChildAbandonedError):
            self._count_abandoned(place, exit_.error.seconds)
        if not child.tell_waiters(exit_):
            self._fell(child, exit_, uptime)

    def _known(self, place: Place) -> Child | None:
        child = self._children.get(place.id)
        return child if child is not None and child.place is place else None

    def _uptime(self, place: Place) -> float:
        return 0.0 if place.phase is STARTING else self.clock.now() - place.since

    # starting

    def _adopt(self, spec: ChildSpec) -> Child:
        """Make a record for a child, in the place it had under an earlier incarnation."""
        home = self._telewarden_place
        place = home.children.get(spec.id)
        if place is not None and (place.added or place.spec.placed_on is not spec.placed_on):
            place.forget()  # it only bears the same name
            place = None
        if place is None:
            place = home.children[spec.id] = Place(home.realm, spec, home)
        elif place.spec is not spec:
            place.describe(spec)
        place.expect()
        place.watcher = self
        child = self._children[spec.id] = Child(place)
        place.ledger = child.ledger
        if child.ledger is not None and home.realm.past is not None:
            child.ledger.recall(home.realm.past.recall(place.path))
        return child

    def _launch(self, child: Child) -> Outcome:
        outcome = child.place.begin()
        if outcome is True:
            self._is_up(child)
        elif outcome is None:
            self._limit_start(child)
        else:
            child.place.went_down(outcome)
        return outcome

    async def _start(self, child: Child) -> Exit | None:
        """Start a child and wait until it runs (``None``) or has failed to."""
        outcome = self._launch(child)
        if outcome is None:
            told: asyncio.Future[Exit | None] = asyncio.get_running_loop().create_future()
            child.waiters.append(partial(_tell, told))
            return await told
        return None if outcome is True else outcome

    def _is_up(self, child: Child) -> None:
        place = child.place
        place.went_up()
        place.realm.events.publish(
            ChildStarted(
                at=place.since,
                child=place.path,
                incarnation=place.incarnation,
                restarted=place.incarnation > 1,
            )
        )
        if child.spec.stuck_after is not None:
            self._look_after(child, child.spec.stuck_after)

    def _limit_start(self, child: Child) -> None:
        within = child.spec.start_within
        if within is not None:
            late = partial(self._start_late, child, child.place.incarnation, within)
            child.timer = self.clock.call_later(within, late)

    def _start_late(self, child: Child, incarnation: int, seconds: float) -> None:
        place = child.place
        if place.incarnation != incarnation or not place.alive:
            return
        late = Exit(ExitKind.START_FAILED, TimeoutError(f"no start within {seconds:g} s"))
        if place.runner.abort_start(late):
            grace = child.spec.failure_timeout
            child.timer = self.clock.call_later(
                grace, partial(self._abandon, child, incarnation, grace)
            )
        else:
            self._abandon(child, incarnation, seconds)

    # stuck handlers

    def _look_after(
        self, child: Child, within: float, seen: object = None, since: float = 0.0
    ) -> None:
        """Look from time to time whether the child is still at the same message."""
        now, busy = self.clock.now(), child.place.runner.busy_with
        if busy is None or busy is not seen:
            seen, since = busy, now
        elif now - since >= within:
            self._stuck(child, now - since)
            return
        again = partial(self._look_after, child, within, seen, since)
        child.timer = self.clock.call_later(within / LOOKS, again)

    def _stuck(self, child: Child, seconds: float) -> None:
        place, runner = child.place, child.place.runner
        self._publish(
            ChildStuck,
            child=place.path,
            incarnation=place.incarnation,
            seconds=seconds,
            stack=runner.stack(),
        )
        child.timer = None
        if not runner.break_off(HandlerStuckError(place.path, seconds)):
            self._abandon(child, place.incarnation, seconds)

    # stopping

    async def _bring_down(self, child: Child) -> Exit:
        """Stop a child within its limit, whatever it is doing; return how it ended."""
        ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        exit_ = self._take_down(child, partial(_tell, ended))
        return await ended if exit_ is None else exit_

    async def _bring_down_in_turn(self, children: Iterable[Child]) -> None:
        """Stop one child after the other, for good.

        Each in the call that tells of the end of the one before: a task would be woken for it.
        """
        waiting, done = iter(children), asyncio.get_running_loop().create_future()

        def go_on(_: Exit | None = None) -> None:
            if done.done():
                return
            for child in waiting:
                if self._take_down(child, go_on, for_good=True) is None:
                    return
            done.set_result(None)

        go_on()
        await done

    def _take_down(
        self, child: Child, then: Callable[[Exit], object], *, for_good: bool = False
    ) -> Exit | None:
        """Begin to stop a child; its end, if that comes at once, else ``then`` is told of it."""
        place, begun = child.place, self.clock.now()
        child.disarm()
        if not place.alive:
            return place.last_exit or OFF

        def ended(exit_: Exit | None) -> Exit:
            exit_ = exit_ or OFF
            place.realm.log_stop(place.path, exit_, self.clock.now() - begun)
            self._publish(ChildStopped, child=place.path, incarnation=place.incarnation, exit=exit_)
            return exit_

        exit_ = self._ask_to_stop(child, for_good=for_good)
        if exit_ is not None:
            return ended(exit_)
        child.waiters.append(lambda exit_: then(ended(exit_)))
        return None

    def _ask_to_stop(self, child: Child, *, for_good: bool) -> Exit | None:
        place, within = child.place, child.spec.stop_within
        if within is Shutdown.IMMEDIATE or within == 0:
            return self._kill(child)
        place.phase = STOPPING
        exit_ = place.runner.halt()
        if exit_ is not None:
            child.was_asked = True
            place.went_down(exit_)
            child.tell_waiters(exit_)
            return exit_
        if for_good:
            place.runner.retire()
        if isinstance(within, float | int):
            late = partial(self._abandon, child, place.incarnation, within)
            child.timer = self.clock.call_later(within, late)
        return None

    def _kill(self, child: Child) -> Exit:
        place = child.place
        self._cut_off(place)
        if place.runner.kill():
            exit_ = Exit(ExitKind.SHUTDOWN, detail="killed")
            place.went_down(exit_)
            child.tell_waiters(exit_)
            return exit_
        exit_ = Exit(ExitKind.ABANDONED, ChildAbandonedError(place.path, 0.0))
        self.ended(place, place.incarnation, exit_)
        return exit_

    def _abandon(self, child: Child, incarnation: int, seconds: float) -> None:
        """Fence an incarnation off that did not come to an end in time (S15)."""
        place = child.place
        if place.incarnation != incarnation or not place.alive:
            return
        self._cut_off(place)
        place.runner.fence()
        cause = ChildAbandonedError(place.path, seconds)
        self.ended(place, incarnation, Exit(ExitKind.ABANDONED, cause))

    def _cut_off(self, place: Place) -> None:
        """Take down what is below a supervisor that gets no time to do it itself."""
        for below in reversed(tuple(place.walk())[1:]):
            if not below.alive:
                continue
            if not below.runner.kill():
                self._count_abandoned(below, 0.0)
            below.went_down(CUT_OFF)
            self._publish(
                ChildStopped, child=below.path, incarnation=below.incarnation, exit=CUT_OFF
            )

    def _count_abandoned(self, place: Place, seconds: float) -> None:
        abandoned = place.realm.count_abandoned()
        self._publish(
            ChildAbandoned,
            child=place.path,
            incarnation=place.incarnation,
            seconds=seconds,
            abandoned=abandoned,
        )

    def _publish(self, event: Callable[..., Event], **facts: Any) -> None:
        self._telewarden_place.realm.events.publish(event(at=self.clock.now(), **facts))


def _tell(told: asyncio.Future[Any], exit_: Exit | None) -> None:
    if not told.done():
        told.set_result(exit_)

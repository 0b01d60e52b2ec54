"""The runner of steps: takes those that are due, a few at a time for all sessions together.

A step is noted before it is taken, so that no crash takes it twice. Leaves which are due to
``steps``, and the work itself to the session or the warden.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import pykka

from ...errors import TelewardenError
from ...supervision import Event, LoopActor, TokenBucket
from ...telegram import HealthStep, HealthStepTaken, HealthVerdict
from ..context import CurrentSettings
from ..messages import DisablePairs, Reconnect
from .orders import HealthOrders
from .steps import due_steps
from .verdict_book import VerdictBook

logger = logging.getLogger(__name__)

STEPS_PER_SECOND: Final = 0.5  # for all sessions together; each may cost connects and copies
STEPS_AT_ONCE: Final = 10
OF_PAIRS: Final = frozenset({HealthStep.DISABLE, HealthStep.MOVE})


class StepRunner:
    """Takes the steps of one monitor.

    Args:
        actor: the monitor, beside whose mailbox the work is done.
        book: where it is noted what was done.
        keep: called with a verdict whose steps are others now.
    """

    def __init__(
        self,
        actor: LoopActor,
        book: VerdictBook,
        current: CurrentSettings,
        orders: HealthOrders,
        publish: Callable[[Event], object],
        *,
        keep: Callable[[HealthVerdict], object],
        wall: Callable[[], float],
    ) -> None:
        self._actor, self._book, self._current = actor, book, current
        self._orders, self._publish = orders, publish
        self._keep, self._wall = keep, wall
        self._budget = TokenBucket(rate=STEPS_PER_SECOND, burst=STEPS_AT_ONCE)

    def take_due(
        self,
        verdict: HealthVerdict,
        session: pykka.ActorRef[Any],
        pairs_of_session: Callable[[], tuple[int, ...]],
    ) -> None:
        """Take the steps that a verdict asks for.

        What there is no budget for is taken in a later sweep.
        """
        for step in due_steps(verdict, self._book.taken(verdict.session), now=self._wall()):
            pairs = pairs_of_session() if step in OF_PAIRS else ()
            if not self._wanted(verdict, step, pairs):
                continue
            if step is not HealthStep.NOTIFY:
                if not self._budget.room(now := self._actor.clock.now()):
                    return
                self._budget.reserve(now)
            verdict = self._book.record(verdict, step, now=self._wall())
            self._keep(verdict)
            self._take(verdict, step, session, pairs)

    def _wanted(self, verdict: HealthVerdict, step: HealthStep, pairs: tuple[int, ...]) -> bool:
        settings = self._current.value
        if step not in settings.health_steps:
            return False
        match step:
            case HealthStep.DISABLE:
                return bool(pairs)
            case HealthStep.MOVE:
                return bool(pairs) and verdict.session in settings.fallback
            case _:
                return True

    def _take(
        self,
        verdict: HealthVerdict,
        step: HealthStep,
        session: pykka.ActorRef[Any],
        pairs: tuple[int, ...],
    ) -> None:
        name, why = verdict.session, "; ".join(verdict.why)
        match step:
            case HealthStep.NOTIFY:
                self._tell(verdict, step, why)
            case HealthStep.RECONNECT:
                self._order(session, Reconnect(verdict.reason))
                self._tell(verdict, step, why)
            case HealthStep.DISABLE:
                self._order(session, DisablePairs())
                self._tell(verdict, step, f"its pairs wait for a login: {_ids(pairs)}")
            case HealthStep.RECOVER:
                self._do(verdict, step, self._orders.recover(name), lambda _: why)
            case HealthStep.MOVE:
                to = self._current.value.fallback[name]
                self._do(
                    verdict,
                    step,
                    self._orders.move_pairs(name, to),
                    lambda moved: f"to {to}: {_ids(moved)}",
                )

    def _do(
        self,
        verdict: HealthVerdict,
        step: HealthStep,
        work: Awaitable[Any],
        said: Callable[[Any], str],
    ) -> None:
        self._actor.pipe(
            work,
            then=lambda result: self._tell(verdict, step, said(result)),
            otherwise=partial(self._failed, verdict, step),
        )

    def _failed(self, verdict: HealthVerdict, step: HealthStep, error: BaseException) -> None:
        """It is refused, or nobody is there for it: that is kept, and it is tried again later."""
        if isinstance(error, TelewardenError | pykka.ActorDeadError):
            problem = str(error)
        else:
            logger.error("health step failed step=%s", step, exc_info=error)
            problem = type(error).__name__
        blamed = self._book.blame(verdict.key, step, problem)
        if blamed is not None:
            self._keep(blamed)
        self._tell(verdict, step, "", problem)

    def _tell(
        self, verdict: HealthVerdict, step: HealthStep, detail: str, problem: str = ""
    ) -> None:
        times = next(one.times for one in verdict.steps if one.step is step)
        logger.warning(
            "health step subject=%s step=%s reason=%s times=%d %s",
            verdict.subject,
            step,
            verdict.reason,
            times,
            f"problem={problem}" if problem else f"detail={detail}",
        )
        self._publish(
            HealthStepTaken(
                session=verdict.session,
                at=self._wall(),
                group=verdict.group,
                step=step,
                reason=verdict.reason,
                times=times,
                detail=detail,
                problem=problem,
            )
        )

    def _order(self, session: pykka.ActorRef[Any], message: object) -> None:
        try:
            session.tell(message)
        except pykka.ActorDeadError:
            return  # deleted meanwhile


def _ids(pairs: tuple[int, ...]) -> str:
    return f"{'pair' if len(pairs) == 1 else 'pairs'} {', '.join(map(str, pairs))}"

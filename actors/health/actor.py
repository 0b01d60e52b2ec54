"""The health monitor's mailbox: the picture of all sessions and groups, sweeps, verdicts, steps.

Owns the picture, put together from what sessions and groups report, and the sweeps that ask again:
one after the other, evenly spread, so that no two probes leave at once. Each report is judged
(``verdicts``), what is new is told to the registry, which keeps it, and to whoever listens, and
what follows from it (``steps``) is carried out, a few at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import pykka

from ...errors import ChildUnavailableError, TelewardenError
from ...supervision import Answer, Event, LoopActor, TimerHandle, ask_async
from ...telegram import (
    GroupReport,
    Health,
    HealthVerdict,
    Overview,
    SessionReport,
    VerdictChanged,
)
from ..context import CurrentSettings
from ..messages import (
    Forget,
    OverviewAsked,
    Probe,
    Report,
    Reported,
    Roster,
    SettingsChanged,
    StateAsked,
    SweepEvery,
    VerdictsAsked,
    VerdictsTold,
)
from ..registry.messages import StatusReported
from .orders import HealthOrders
from .rotation import Rotation
from .step_runner import StepRunner
from .verdict_book import Key, VerdictBook, stands
from .verdicts import PATIENCE, Answering, Judgement, Progress, judge_group, judge_session

logger = logging.getLogger(__name__)

REPORT_WITHIN: Final = 2.0  # seconds; a group that does not answer is shown by its last report
LOOK_EVERY: Final = 2.0  # seconds between two looks at all sessions, however many pages ask
ASK_AGAIN: Final = 1.0  # seconds until the registry is asked again for what it knows
MESSAGES_LATE: Final = 10.0  # messages; at the slowest pace allowed so many may go in ``PATIENCE``


class HealthMonitorActor(LoopActor):
    """Watches every session and worker group of one warden.

    Args:
        registry: who knows all sessions, and keeps the verdicts.
        current: how often to sweep, and which steps to take.
        orders: has the warden recover and move.
        publish: tells whoever listens.
        wall: epoch seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        *,
        registry: pykka.ActorRef[Any],
        current: CurrentSettings,
        orders: HealthOrders,
        publish: Callable[[Event], object],
        wall: Callable[[], float],
    ) -> None:
        super().__init__()
        self._registry, self._current, self._wall = registry, current, wall
        self._publish = publish
        self._every = current.value.sessions_every
        self._known: dict[Key, Reported] = {}
        self._answering: dict[Key, Answering] = {}
        self._progress: dict[Key, Progress] = {}
        self._book, self._loaded = VerdictBook(), False
        self._steps = StepRunner(
            self, self._book, current, orders, publish, keep=self._keep, wall=wall
        )
        self._sessions = _Sweep(self, lambda: self._every, self._probe)
        self._groups = _Sweep(self, lambda: current.value.groups_every, self._look_at_group)
        self._looked = float("-inf")

    def on_start(self) -> None:
        self._ask_for_verdicts()
        if self.incarnation > 1:
            everybody = ask_async(self._registry, Roster(), timeout=REPORT_WITHIN)
            self.pipe(everybody, then=self._ask_for_reports)

    def on_receive(self, message: object) -> object:
        match message:
            case Reported():
                self._reported(message)
            case OverviewAsked(fresh=False):
                return self._overview_known()
            case OverviewAsked():
                return self._overview()
            case SweepEvery():
                self._every = message.seconds
                self._sessions.pace()
            case SettingsChanged():
                self._groups.pace()
            case Forget():
                self._forget(message)
            case _:
                return super().on_receive(message)
        return None

    # What is known

    def _reported(self, message: Reported) -> None:
        report = message.report
        if isinstance(report, SessionReport):
            key: Key = (report.session, "")
            _tell(self._registry, StatusReported(report))
            self._sessions.add(key)
        else:
            key = (report.session, report.group)
            self._groups.add(key)
        self._known[key] = message
        self._answering[key] = Answering.YES
        self._judge(key)

    def _ask_for_reports(self, refs: Iterable[pykka.ActorRef[Any]]) -> None:
        for ref in refs:
            _tell(ref, Report())

    def _forget(self, gone: Forget) -> None:
        for key in tuple(self._known):
            if key[0] == gone.session and gone.group in {None, key[1]}:
                del self._known[key]
                self._answering.pop(key, None)
                self._progress.pop(key, None)
                self._sessions.remove(key)
                self._groups.remove(key)
        keys = tuple(self._book.forget(gone.session, gone.group))
        if keys:
            _tell(self._registry, VerdictsTold(gone=keys))

    # Sweeps

    def _probe(self, key: Key) -> None:
        """One session's turn: have it ask Telegram, and see whether it answers at all."""
        reported = self._known[key]
        _tell(reported.ref, Probe())
        self._ask(key, reported, StateAsked())

    def _look_at_group(self, key: Key) -> None:
        """One group's turn; its answer comes as a report, too."""
        self._ask(key, self._known[key], Report())

    def _ask(self, key: Key, reported: Reported, question: object) -> None:
        def silent(error: BaseException) -> None:
            down = isinstance(error, ChildUnavailableError | pykka.ActorDeadError)
            self._seen(key, Answering.KEPT_DOWN if down else Answering.NO)

        self.pipe(
            ask_async(reported.ref, question, timeout=REPORT_WITHIN),
            then=lambda _: self._seen(key, Answering.YES),
            otherwise=silent,
        )

    def _seen(self, key: Key, answering: Answering) -> None:
        if key in self._known:  # else it is gone by now
            self._answering[key] = answering
            self._judge(key, swept=True)

    # Verdicts

    def _ask_for_verdicts(self) -> None:
        """Go on from what the registry knows; until then nothing is judged."""
        asked = ask_async(self._registry, VerdictsAsked(), timeout=REPORT_WITHIN)
        self.pipe(asked, then=self._load, otherwise=self._not_loaded)

    def _not_loaded(self, error: BaseException) -> None:
        logger.warning("verdicts not read yet error=%s", type(error).__name__)
        self.after(ASK_AGAIN, then=self._ask_for_verdicts)

    def _load(self, verdicts: Iterable[HealthVerdict]) -> None:
        self._book.load(verdicts, now=self._wall())
        self._loaded = True
        for key in tuple(self._known):
            self._judge(key)

    def _judge(self, key: Key, *, swept: bool = False) -> None:
        """See how one is; what follows is looked at when that is new, and in each sweep."""
        if not self._loaded:
            return
        judgement = self._judgement(key)
        before = self._book.find(key)
        verdict = self._book.adopt(key, judgement, now=self._wall())
        if verdict is not None:
            self._keep(verdict)
            self._tell_of(verdict, before)
        stood = verdict or self._book.find(key)
        # One that is on its way to somewhere else by itself is left alone.
        if stood is not None and stood.reason is judgement.reason and (verdict or swept):
            session = self._known.get((key[0], ""))
            if session is not None:
                self._steps.take_due(stood, session.ref, partial(self._pairs_of, key[0]))

    def _pairs_of(self, session: str) -> tuple[int, ...]:
        reports = [one.report for key, one in self._known.items() if key[0] == session]
        groups = (one for one in reports if isinstance(one, GroupReport))
        return tuple(sorted(pair.id for group in groups for pair in group.pairs))

    def _judgement(self, key: Key) -> Judgement:
        report, answering = self._known[key].report, self._answering[key]
        if isinstance(report, SessionReport):
            return judge_session(report, answering)
        above = self._known.get((key[0], ""))
        session = above.report if above is not None else None
        assert not isinstance(session, GroupReport)  # noqa: S101 - by its key
        now, progress = self._wall(), self._progress.setdefault(key, Progress())
        pace = self._current.value.pace
        patience = max(PATIENCE, MESSAGES_LATE / min(pace.per_chat, pace.per_account))
        stalled = progress.stalled(report, session, now, patience=patience)
        return judge_group(report, session, answering, stalled=stalled, now=now)

    def _keep(self, verdict: HealthVerdict) -> None:
        """Have the registry show it, and keep it through restarts."""
        if stands(verdict):
            _tell(self._registry, VerdictsTold(put=(verdict,)))
        else:
            _tell(self._registry, VerdictsTold(gone=(verdict.key,)))

    def _tell_of(self, verdict: HealthVerdict, before: HealthVerdict | None) -> None:
        if before is not None and (before.health, before.reason) == (
            verdict.health,
            verdict.reason,
        ):
            return
        self._publish(
            VerdictChanged(
                session=verdict.session,
                at=self._wall(),
                group=verdict.group,
                before=Health.HEALTHY if before is None else before.health,
                health=verdict.health,
                reason=verdict.reason,
                why=verdict.why,
            )
        )
        logger.info(
            "verdict subject=%s health=%s reason=%s",
            verdict.subject,
            verdict.health,
            verdict.reason,
        )

    # The picture for whoever asks

    def _overview(self) -> Answer:
        answer = Answer()
        self.pipe(self._gather(), then=answer.set)
        return answer

    async def _gather(self) -> Overview:
        known = dict(self._known)
        await asyncio.gather(
            *(self._fresh(key, known[key], Report()) for key in known if key[1]),
            self._look_at_sessions(),
        )
        return self._overview_known()

    def _overview_known(self) -> Overview:
        reports = [self._known[key].report for key in sorted(self._known)]
        return Overview(
            sessions=tuple(one for one in reports if isinstance(one, SessionReport)),
            groups=tuple(one for one in reports if isinstance(one, GroupReport)),
        )

    async def _look_at_sessions(self) -> None:
        """Ask them how they are now: ages and waits go on between two reports of their own."""
        if self.clock.now() - self._looked < LOOK_EVERY:
            return
        self._looked, known = self.clock.now(), dict(self._known)
        await asyncio.gather(
            *(self._fresh(key, known[key], StateAsked()) for key in known if not key[1])
        )

    async def _fresh(self, key: Key, known: Reported, question: object) -> None:
        try:
            found = await ask_async(known.ref, question, timeout=REPORT_WITHIN)
        except (TelewardenError, pykka.ActorDeadError):
            return
        if self._known.get(key) is known:  # else it has said more itself meanwhile
            self._known[key] = Reported(report=found, ref=known.ref)


class _Sweep:
    """Asks everybody once in an interval, one after the other.

    Args:
        actor: whose timers these are.
        every: the interval in seconds, as it is now.
        look: has one looked at.
    """

    def __init__(
        self, actor: LoopActor, every: Callable[[], float], look: Callable[[Key], object]
    ) -> None:
        self._actor, self._every, self._look = actor, every, look
        self._rotation: Rotation[Key] = Rotation()
        self._timer: TimerHandle | None = None

    def add(self, key: Key) -> None:
        """Have one take part from now on."""
        if self._rotation.add(key):
            self.pace()

    def remove(self, key: Key) -> None:
        """Have one take part no more."""
        self._rotation.remove(key)

    def pace(self) -> None:
        """Go on at the pace that fits the interval and how many there are."""
        if self._timer is not None:
            self._timer.cancel()
        gap = self._rotation.gap(self._every())
        self._timer = self._actor.after(gap, then=self._turn)

    def _turn(self) -> None:
        key = self._rotation.next()
        self._timer = None
        if key is None:
            return
        self.pace()
        self._look(key)


def _tell(ref: pykka.ActorRef[Any], message: object) -> None:
    try:
        ref.tell(message)
    except pykka.ActorDeadError:
        return  # deleted since its last report

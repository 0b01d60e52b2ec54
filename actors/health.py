"""The health monitor: state of all sessions and groups, and the sweeps that probe it.

Owns the picture of all sessions and groups, put together from what they report, and the sweeps
that ask again. A sweep is spread over its interval, so that a thousand probes never leave at
once. It steers nothing but probes; what follows from one is the session's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pykka

from ..errors import TelewardenError
from ..supervision import Answer, LoopActor, TimerHandle, ask_async
from ..telegram import GroupReport, Overview, SessionReport
from .context import Settings
from .messages import Forget, OverviewAsked, Probe, Report, Reported, Roster, StateAsked, SweepEvery
from .registry.messages import StatusReported

REPORT_WITHIN: Final = 2.0  # seconds; a group that does not answer is shown by its last report
LOOK_EVERY: Final = 2.0  # seconds between two looks at all sessions, however many pages ask
SPREAD: Final = 0.5  # of an interval, over which a sweep's probes are spread


class HealthMonitorActor(LoopActor):
    """Watches every session and worker group of one warden.

    Args:
        registry: who knows all sessions; asked once after a restart.
        settings: how often to sweep.
    """

    def __init__(self, *, registry: pykka.ActorRef[Any], settings: Settings) -> None:
        super().__init__()
        self._registry, self._every = registry, settings.sessions_every
        self._sweeping: TimerHandle | None = None
        self._sessions: dict[str, Reported] = {}
        self._groups: dict[tuple[str, str], Reported] = {}
        self._looked = float("-inf")

    def on_start(self) -> None:
        self._sweep_every(self._every)
        if self.incarnation > 1:
            everybody = ask_async(self._registry, Roster(), timeout=REPORT_WITHIN)
            self.pipe(everybody, then=self._ask_for_reports)

    def on_receive(self, message: object) -> object:
        match message:
            case Reported(report=SessionReport() as report):
                self._sessions[report.session] = message
                _tell(self._registry, StatusReported(report))
            case Reported(report=GroupReport() as report):
                self._groups[report.session, report.group] = message
            case OverviewAsked(fresh=False):
                return self._known()
            case OverviewAsked():
                return self._overview()
            case SweepEvery():
                self._sweep_every(message.seconds)
            case Forget():
                self._forget(message)
            case _Sweep():
                self._sweep()
            case _ProbeOne():
                _tell(message.ref, Probe())
            case _:
                return super().on_receive(message)
        return None

    def _ask_for_reports(self, refs: Iterable[pykka.ActorRef[Any]]) -> None:
        for ref in refs:
            _tell(ref, Report())

    def _sweep_every(self, seconds: float) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._every = seconds
        self._sweeping = self.every(seconds, _Sweep())

    def _forget(self, gone: Forget) -> None:
        if gone.group is None:
            self._sessions.pop(gone.session, None)
        for session, group in tuple(self._groups):
            if session == gone.session and gone.group in {None, group}:
                del self._groups[session, group]

    def _sweep(self) -> None:
        refs = [reported.ref for reported in self._sessions.values()]
        step = self._every * SPREAD / max(1, len(refs))
        for place, ref in enumerate(refs):
            self.after(place * step, _ProbeOne(ref))

    def _overview(self) -> Answer:
        answer = Answer()
        self.pipe(self._gather(), then=answer.set)
        return answer

    async def _gather(self) -> Overview:
        groups = dict(self._groups)
        await asyncio.gather(
            asyncio.gather(*(self._look_at_group(place, groups[place]) for place in groups)),
            self._look_at_sessions(),
        )
        return self._known()

    def _known(self) -> Overview:
        sessions = [self._sessions[name].report for name in sorted(self._sessions)]
        groups = [self._groups[place].report for place in sorted(self._groups)]
        return Overview(
            sessions=tuple(one for one in sessions if isinstance(one, SessionReport)),
            groups=tuple(one for one in groups if isinstance(one, GroupReport)),
        )

    async def _look_at_group(self, place: tuple[str, str], known: Reported) -> None:
        found = await self._fresh(known, Report())
        if self._groups.get(place) is known:  # else it has said more itself meanwhile
            self._groups[place] = Reported(report=found, ref=known.ref)

    async def _look_at_sessions(self) -> None:
        """Ask them how they are now: ages and waits go on between two reports of their own."""
        if self.clock.now() - self._looked < LOOK_EVERY:
            return
        self._looked, known = self.clock.now(), dict(self._sessions)
        await asyncio.gather(*(self._look_at(name, known[name]) for name in known))

    async def _look_at(self, name: str, known: Reported) -> None:
        found = await self._fresh(known, StateAsked())
        if self._sessions.get(name) is known:  # else it has said more itself meanwhile
            self._sessions[name] = Reported(report=found, ref=known.ref)

    async def _fresh(self, reported: Reported, question: object) -> Any:
        try:
            return await ask_async(reported.ref, question, timeout=REPORT_WITHIN)
        except (TelewardenError, pykka.ActorDeadError):
            return reported.report


def _tell(ref: pykka.ActorRef[Any], message: object) -> None:
    try:
        ref.tell(message)
    except pykka.ActorDeadError:
        return  # deleted since its last report


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Time to ask everybody."""


@dataclass(frozen=True, slots=True)
class _ProbeOne:
    ref: pykka.ActorRef[Any]

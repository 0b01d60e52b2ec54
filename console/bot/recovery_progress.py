"""Progress of a recovery that somebody asked for, made of events. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ...telegram import PHASES, Phase, PhaseChanged, RecoveryTried, SessionRecovered

MOVING: Final = frozenset({Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING})
UNDER_WAY: Final = MOVING | {Phase.WAITING}  # a pause between two tries is no end
SHOWN: Final = 20  # sessions that are shown one by one

Heard = PhaseChanged | RecoveryTried | SessionRecovered


class RecoveryProgress:
    """How far the sessions are that were asked to recover."""

    def __init__(self) -> None:
        self._phases: dict[str, Phase] = {}
        self._notes: dict[str, str] = {}
        self._wanted: tuple[str, ...] = ()

    def expect(self, sessions: Iterable[str]) -> None:
        """These were asked; what was heard of others is not shown."""
        self._wanted = tuple(sessions)

    def found(self, session: str, phase: Phase) -> None:
        """A session itself has said where it stands."""
        self._phases.setdefault(session, phase)  # what was heard meanwhile is newer

    def hear(self, event: Heard) -> None:
        """Something happened to a session."""
        match event:
            case PhaseChanged():
                self._phases[event.session] = event.after
                self._notes[event.session] = event.reason
            case RecoveryTried():
                went = event.problem or "works"
                self._notes[event.session] = f"{event.rung}, try {event.attempt}: {went}"
            case SessionRecovered():
                self._phases[event.session] = Phase.ONLINE
                self._notes[event.session] = f"by {event.rung}, after {event.seconds:.1f} s"

    @property
    def done(self) -> bool:
        """Whether each of them has come to an end, a good one or not."""
        return all(self._phases.get(one, Phase.RECOVERING) not in UNDER_WAY for one in self._wanted)

    @property
    def text(self) -> str:
        """How it goes, line by line."""
        counts = Counter(self._phases.get(one, Phase.RECOVERING) for one in self._wanted)
        lines = []
        if len(self._wanted) > 1:
            told = ", ".join(f"{count} {phase}" for phase, count in counts.most_common())
            lines.append(f"{len(self._wanted)} sessions: {told}")
        # Those that need to be looked at first: who is online is no news.
        ordered = sorted(self._wanted, key=lambda one: self._phases.get(one) is Phase.ONLINE)
        lines += [self._line(one) for one in ordered[:SHOWN]]
        if len(ordered) > SHOWN:
            lines.append(f"and {len(ordered) - SHOWN} more; see /status")
        return "\n".join(lines)

    def _line(self, session: str) -> str:
        phase = self._phases.get(session, Phase.RECOVERING)
        note = self._notes.get(session, "")
        advice = "" if phase is Phase.ONLINE or phase in MOVING else PHASES[phase].advice
        return "; ".join(filter(None, (f"{session}: {phase}", note, advice)))

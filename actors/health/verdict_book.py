"""The verdicts that stand, with what has been done about them. Pure: callers pass the time in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from ...telegram import HealthReason, HealthStep, HealthVerdict, StepRecord
from ...telegram.health import ILL
from .steps import REMEMBERED
from .verdicts import Judgement

PASSING: Final = frozenset({HealthReason.COMING})
"""On the way to something else: what stood before stands until that is known."""
Key = tuple[str, str]


class VerdictBook:
    """Every verdict that is not simply well, by session and group."""

    __slots__ = ("_verdicts",)

    def __init__(self) -> None:
        self._verdicts: dict[str, dict[str, HealthVerdict]] = {}

    def load(self, verdicts: Iterable[HealthVerdict], *, now: float) -> None:
        """Go on from these; none is from later than ``now``, whoever has set a clock."""
        for one in verdicts:
            steps = tuple(replace(step, at=min(step.at, now)) for step in one.steps)
            self._put(replace(one, since=min(one.since, now), steps=steps))

    def find(self, key: Key) -> HealthVerdict | None:
        """The verdict on one; ``None`` where there is nothing to be said."""
        return self._verdicts.get(key[0], {}).get(key[1])

    def of_session(self, session: str) -> tuple[HealthVerdict, ...]:
        """Those on a session and its groups."""
        return tuple(self._verdicts.get(session, {}).values())

    def taken(self, session: str) -> Mapping[HealthStep, StepRecord]:
        """The last step of each kind that a session, or a group of it, was helped by."""
        found: dict[HealthStep, StepRecord] = {}
        for verdict in self.of_session(session):
            for one in verdict.steps:
                if one.step not in found or found[one.step].at < one.at:
                    found[one.step] = one
        return found

    def adopt(self, key: Key, judgement: Judgement, *, now: float) -> HealthVerdict | None:
        """Take what is found over; returns the verdict that stands from now on, if it is new."""
        known = self.find(key)
        if judgement.reason in PASSING and known is not None:
            return None
        if known is None and (judgement.reason not in ILL):
            return None
        same = known is not None and (known.health, known.reason) == (
            judgement.health,
            judgement.reason,
        )
        verdict = HealthVerdict(
            session=key[0],
            group=key[1],
            health=judgement.health,
            reason=judgement.reason,
            why=judgement.why,
            since=known.since if known is not None and same else now,
            steps=() if known is None else tuple(_remembered(known, now)),
        )
        self._put(verdict)
        return None if verdict == known else verdict

    def record(
        self, verdict: HealthVerdict, step: HealthStep, *, now: float, problem: str = ""
    ) -> HealthVerdict:
        """A step is taken about a verdict; returns it with that."""
        last = self.taken(verdict.session).get(step)
        times = 1 if last is None or now - last.at > REMEMBERED else last.times + 1
        return self._with(verdict, StepRecord(step=step, times=times, at=now, problem=problem))

    def blame(self, key: Key, step: HealthStep, problem: str) -> HealthVerdict | None:
        """What was taken has come to nothing; returns the verdict with that, if it still stands."""
        verdict = self.find(key)
        last = None if verdict is None else next((s for s in verdict.steps if s.step is step), None)
        if verdict is None or last is None:
            return None
        return self._with(verdict, replace(last, problem=problem))

    def forget(self, session: str, group: str | None = None) -> Iterator[Key]:
        """Somebody is gone; tells of whom there was a verdict."""
        theirs = self._verdicts.get(session, {})
        for name in tuple(theirs):
            if group is None or name == group:
                del theirs[name]
                yield session, name
        if not theirs:
            self._verdicts.pop(session, None)

    def _with(self, verdict: HealthVerdict, record: StepRecord) -> HealthVerdict:
        others = (one for one in verdict.steps if one.step is not record.step)
        verdict = replace(verdict, steps=(*others, record))
        self._put(verdict)
        return verdict

    def _put(self, verdict: HealthVerdict) -> None:
        if not stands(verdict):
            theirs = self._verdicts.get(verdict.session, {})
            theirs.pop(verdict.group, None)
            if not theirs:
                self._verdicts.pop(verdict.session, None)
        else:
            self._verdicts.setdefault(verdict.session, {})[verdict.group] = verdict


def stands(verdict: HealthVerdict) -> bool:
    """Whether a verdict is worth keeping: somebody is ill, or was helped lately."""
    return verdict.ill or bool(verdict.steps)


def _remembered(verdict: HealthVerdict, now: float) -> Iterator[StepRecord]:
    return (one for one in verdict.steps if now - one.at <= REMEMBERED)

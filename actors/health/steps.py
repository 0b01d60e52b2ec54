"""The table of steps: what the health monitor does about a verdict, when, and how often. Pure.

What is absent is left alone: the session sees to it itself, as in a recovery, a flood or an outage,
or only a person can, as with a login that is missing or a key that is dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ...telegram import HEALTH_REASONS, HealthReason, HealthStep, HealthVerdict, StepRecord
from .verdicts import WORDS

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0
LONGEST: Final = DAY  # between two steps of a kind, however many there have been
REMEMBERED: Final = 2 * DAY  # a step that is longer ago counts no more


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRule:
    """When a step is due.

    Args:
        after: seconds for which the reason must have stood.
        again: seconds until it may be taken once more, then twice as many each time; ``None`` for
            once while the reason stands.
    """

    step: HealthStep
    after: float = 0.0
    again: float | None = None

    def due(self, verdict: HealthVerdict, last: StepRecord | None, now: float) -> bool:
        """Whether it is, for a session for which the last of its kind was ``last``."""
        if now - verdict.since < self.after:
            return False
        if self.again is None:
            return not any(
                one.step is self.step and one.at >= verdict.since for one in verdict.steps
            )
        if last is None or now - last.at > REMEMBERED:
            return True
        return now - last.at >= min(LONGEST, self.again * 2.0 ** min(last.times - 1, 30))

    def __str__(self) -> str:
        when = f"after {_span(self.after)}" if self.after else "at once"
        where = ", where there is a `fallback`" if self.step is HealthStep.MOVE else ""
        if self.again is None:
            return f"`{self.step}` {when}{where}"
        return f"`{self.step}` {when}{where}, again after {_span(self.again)}, then twice as long"


_RELEASE: Final = (StepRule(step=HealthStep.RECOVER, after=HOUR, again=HOUR),)
_FRESH_LINE: Final = (
    StepRule(step=HealthStep.RECONNECT, after=MINUTE, again=HOUR),
    StepRule(step=HealthStep.NOTIFY, after=30 * MINUTE),
)

STEPS: Final[Mapping[HealthReason, tuple[StepRule, ...]]] = {
    HealthReason.LOGIN_ENDED: (
        StepRule(step=HealthStep.DISABLE),
        StepRule(step=HealthStep.MOVE, after=10 * MINUTE, again=HOUR),
    ),
    HealthReason.KEPT_DOWN: _RELEASE,
    HealthReason.GROUP_DOWN: _RELEASE,
    HealthReason.NO_ANSWER: (StepRule(step=HealthStep.NOTIFY, after=10 * MINUTE),),
    HealthReason.STALLED: _FRESH_LINE,
    HealthReason.BEHIND: _FRESH_LINE,
    HealthReason.SOURCE_DEAF: (StepRule(step=HealthStep.RECONNECT, after=10 * MINUTE, again=HOUR),),
}


def due_steps(
    verdict: HealthVerdict, taken: Mapping[HealthStep, StepRecord], *, now: float
) -> Iterator[HealthStep]:
    """The steps that a verdict asks for now; ``taken`` are the last ones of its session."""
    for rule in STEPS.get(verdict.reason, ()):
        if not _of_group(verdict) and rule.due(verdict, taken.get(rule.step), now):
            yield rule.step


def _of_group(verdict: HealthVerdict) -> bool:
    """Whether a group is kept down: its session tells that of all its groups, and is helped."""
    return bool(verdict.group) and verdict.reason is HealthReason.KEPT_DOWN


def table() -> str:
    """Draw the table, with the reasons of which nothing follows, for the documents."""
    lines = ["| reason | what it means | in the six words | what is done |", "|---|---|---|---|"]
    for reason, meaning in HEALTH_REASONS.items():
        word = WORDS.get(reason, "unhealthy")
        rules = "; ".join(str(rule) for rule in STEPS.get(reason, ())) or "nothing"
        lines.append(f"| `{reason}` | {meaning.explanation} | {word} | {rules} |")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    for unit, size in (("day", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"

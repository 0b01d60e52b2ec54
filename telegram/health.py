"""The health monitor's verdicts on sessions and worker groups, and the steps that it takes.

Owns the words: what a verdict can say, which steps there are, and the two events that tell of them.
Leaves to the monitor (``actors/health``) what follows from what. Times are epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..supervision import frozen
from .phases import Health
from .session_events import SessionEvent


class HealthReason(StrEnum):
    """Why the health monitor finds a session or a worker group as it does."""

    WORKS = "works"
    COMING = "coming"  # it is being connected or recovered
    WAITING = "waiting"  # a flood, a backoff, a lease, an outage: it goes on by itself
    LOGGING_IN = "logging_in"  # a person is at it
    STOPPED = "stopped"  # as it was asked to
    NO_LOGIN = "no_login"  # only a person helps
    LOGIN_ENDED = "login_ended"  # by Telegram, which has said so
    HELD = "held"  # a person has to look first
    KEPT_DOWN = "kept_down"  # it failed too often, and its supervisor starts it no more
    NO_ANSWER = "no_answer"  # its actor answers nothing
    GROUP_DOWN = "group_down"  # the session works, a worker group of it is kept down
    SESSION_OFFLINE = "session_offline"  # of a group: its session says why
    ACCESS_LOST = "access_lost"  # the account may not see or write in a pair's chat
    PAIR_TROUBLE = "pair_trouble"  # a pair is paused for another trouble of its own
    SOURCE_DEAF = "source_deaf"  # Telegram does not tell of what is said in a source
    STALLED = "stalled"  # messages wait, none goes, and nothing is known to hold them
    BEHIND = "behind"  # a source's history is not read


ILL: Final = tuple(
    one
    for one in HealthReason
    if one
    not in {
        HealthReason.WORKS,
        HealthReason.COMING,
        HealthReason.STOPPED,
        HealthReason.SESSION_OFFLINE,
    }
)
"""The reasons that verdicts are kept for; of a group whose session is offline that one tells."""


class HealthStep(StrEnum):
    """What the health monitor can do about a verdict."""

    NOTIFY = "notify"  # tell
    RECONNECT = "reconnect"  # a fresh client on a new line
    RECOVER = "recover"  # end the quarantine and climb the recovery ladder
    DISABLE = "disable"  # pause the session's pairs until it is logged in again
    MOVE = "move"  # give the session's pairs to its fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """How often a step was taken, when last, and what came in its way then, if anything did."""

    step: HealthStep
    times: int
    at: float
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthVerdict:
    """How the health monitor finds a session, or one ``group`` of it.

    Args:
        why: what is wrong, in words, the gravest first.
        since: when that reason began to stand.
        steps: what has been done about it, also earlier, as far as that still counts.
    """

    session: str
    group: str = ""
    health: Health
    reason: HealthReason
    why: tuple[str, ...] = ()
    since: float
    steps: tuple[StepRecord, ...] = ()

    @property
    def ill(self) -> bool:
        """Whether it is not well now; else it was helped lately."""
        return self.reason in ILL

    @property
    def key(self) -> tuple[str, str]:
        """Whom it is about."""
        return self.session, self.group

    @property
    def subject(self) -> str:
        """Whom it is about, in words."""
        return f"group {self.session}/{self.group}" if self.group else f"session {self.session}"


@frozen
class VerdictChanged(SessionEvent):
    """The health monitor finds a session, or a ``group`` of it, otherwise than before.

    Args:
        health: in the operators' six words.
        reason: the gravest, in one word; ``why`` says it in words.
    """

    group: str
    before: Health
    health: Health
    reason: HealthReason
    why: tuple[str, ...] = ()


@frozen
class HealthStepTaken(SessionEvent):
    """The health monitor has done something about a verdict.

    Args:
        group: whose verdict it was; empty for the session's own.
        times: how often by now, as far as earlier ones still count.
        detail: what it came to, in words.
        problem: why it came to nothing; empty if it did not.
    """

    group: str
    step: HealthStep
    reason: HealthReason
    times: int
    detail: str = ""
    problem: str = ""

"""The health monitor's verdicts on sessions and worker groups, and the steps that it takes.

Owns the words: what a verdict can say, which steps there are, and the two events that tell of them.
Leaves to the monitor (``actors/health``) what follows from what. Times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..supervision import frozen
from .phases import Health, StatusText, status_text
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


_BY_ITSELF: Final = "Nothing to do: it goes on by itself."
_SEE_SESSION: Final = "See what its session needs."
_RESUME: Final = "Remove what its reason names, then resume the pair."

HEALTH_REASONS: Final[Mapping[HealthReason, StatusText]] = {
    HealthReason.WORKS: status_text("it works", "Nothing to do."),
    HealthReason.COMING: status_text("it is being connected or recovered", _BY_ITSELF),
    HealthReason.WAITING: status_text(
        "it waits for a flood, an outage, a lease or its next try, and goes on by itself",
        _BY_ITSELF,
    ),
    HealthReason.LOGGING_IN: status_text("somebody is logging it in", "End the login."),
    HealthReason.STOPPED: status_text("it was stopped or deleted", "Nothing to do."),
    HealthReason.NO_LOGIN: status_text(
        "it has no login that works; its key may be dead", "Log in again."
    ),
    HealthReason.LOGIN_ENDED: status_text(
        "Telegram has ended its login, and has said so", "Log in again."
    ),
    HealthReason.HELD: status_text(
        "a person has to look first", "Remove what its reason names, then recover the session."
    ),
    HealthReason.KEPT_DOWN: status_text(
        "it failed too often and is kept down",
        "Run diagnostics, remove the cause, then recover the session.",
    ),
    HealthReason.NO_ANSWER: status_text(
        "it does not answer",
        "See in the tree what it does; if that lasts, restart it.",
    ),
    HealthReason.GROUP_DOWN: status_text(
        "it works, a worker group of it is kept down",
        "Run diagnostics, remove the cause, then recover the session.",
    ),
    HealthReason.SESSION_OFFLINE: status_text(
        "its session is not online, and says why", _SEE_SESSION
    ),
    HealthReason.ACCESS_LOST: status_text(
        "the account may not see or write in a pair's chat",
        "Give the account its access to the chat back, then resume the pair.",
    ),
    HealthReason.PAIR_TROUBLE: status_text(
        "a pair is paused for another trouble of its own", _RESUME
    ),
    HealthReason.STALLED: status_text(
        "messages wait, none goes, and nothing is known to hold them",
        "It is given a fresh line by itself; if that does not help, recover the session.",
    ),
    HealthReason.BEHIND: status_text(
        "a source's history has not been read for ten minutes",
        "It is given a fresh line by itself; if that does not help, recover the session.",
    ),
    HealthReason.SOURCE_DEAF: status_text(
        "Telegram does not tell of what is said in a source",
        "Nothing is lost, it comes late. Open the source once in the official app.",
    ),
}
"""What each reason means, and what a person can do about it."""


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

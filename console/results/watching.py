"""Results of commands that look."""

from __future__ import annotations

from typing import Any

from .base import Result
from .sessions import Flood


class Ill(Result):
    """A session, or a worker group of it, that the health monitor finds not well, since when.

    ``reason`` is one word, ``why`` says it in sentences; ``steps`` are those taken about it.
    """

    subject: str
    health: str
    reason: str
    why: tuple[str, ...]
    since: float
    steps: tuple[str, ...]


class FiringAlert(Result):
    """An alert that is firing."""

    name: str
    subject: str
    severity: str
    since: float


class Health(Result):
    """Whether all is well; ``sessions`` and ``operations`` are counted by their states.

    ``troubled`` are the pairs that are paused for trouble of their own, ``ill`` the sessions and
    worker groups that are not well, ``alerts`` those that are firing.
    """

    ready: bool
    readiness: str
    overall: str
    reasons: tuple[str, ...]
    stuck: tuple[int, ...]
    sessions: dict[str, int]
    operations: dict[str, int]
    pairs: int
    pair_room: int
    session_use: float
    operation_use: float
    pair_use: float
    troubled: tuple[int, ...] = ()
    ill: tuple[Ill, ...] = ()
    alerts: tuple[FiringAlert, ...] = ()


class Event(Result):
    """Something that happened, in one sentence; ``number`` rises by one.

    ``session`` and ``child``, a path in the tree, are whom it is about.
    """

    number: int
    at: float
    kind: str
    tone: str
    text: str
    session: str
    child: str


class Events(Result):
    """What happened last, oldest first."""

    events: tuple[Event, ...]


class Floods(Result):
    """Whom Telegram asked to wait."""

    floods: tuple[Flood, ...]


class AuditRow(Result):
    """Who changed what, from which value to which, and how it went."""

    who: str
    what: str
    subject: str
    before: Any
    after: Any
    outcome: str
    at: float


class Audit(Result):
    """The audit trail, newest first."""

    rows: tuple[AuditRow, ...]


class Moment(Result):
    """Something in a session's life."""

    at: float
    kind: str
    what: str


class History(Result):
    """A session's timeline, oldest first."""

    session: str
    moments: tuple[Moment, ...]


class Finding(Result):
    """One thing that was looked at, and what to do about it, in order."""

    area: str
    level: str
    what: str
    steps: tuple[str, ...]


class Diagnosis(Result):
    """All findings, in the order in which things depend on each other."""

    healthy: bool
    findings: tuple[Finding, ...]


class Owner(Result):
    """A process that uses a session."""

    pid: int
    purpose: str
    command: str
    since: float


class SessionSafety(Result):
    """Whether one session may be used now."""

    session: str
    verdict: str
    explanation: str
    advice: str
    owners: tuple[Owner, ...]
    exit_code: int


class Safety(Result):
    """Whether sessions may be used now; ``exit_code`` is the worst of theirs."""

    sessions: tuple[SessionSafety, ...]
    exit_code: int


class LoginTest(Result):
    """Whether a login is good, as Telegram says."""

    session: str
    good: bool
    explanation: str
    advice: str
    seconds: float | None


class Tested(Result):
    """Logins that were tried."""

    sessions: tuple[LoginTest, ...]

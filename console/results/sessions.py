"""Results about sessions: which there are, how they are, which is best."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import Result
from .operations import Operation


class Session(Result):
    """A registered session: what was declared, and how it was when it last reported."""

    name: str
    health: str
    phase: str
    reason: str
    since: float
    until: float | None
    priority: int
    max_pairs: int
    pairs: int
    free: int
    user_id: int | None
    metadata: dict[str, Any]


class SessionList(Result):
    """The registered sessions, by name."""

    sessions: tuple[Session, ...]


class Wait(Result):
    """Somebody waits: for what, since when, and until when if that is known."""

    who: str
    kind: str
    what: str
    since: float
    until: float | None


class AccountFact(Result):
    """A fact about an account that an operator has to know."""

    kind: str
    explanation: str
    advice: str
    until: float | None
    url: str


class Account(Result):
    """What is known of an account; what ends unused does so at ``login_ends``, ``account_ends``."""

    read_at: float | None
    frozen_since: float | None
    frozen_until: float | None
    appeal_url: str
    login_ends: float | None
    account_ends: float | None
    unofficial_risk: bool
    password_wanted: bool
    relogin_at: float | None
    parallel: int
    facts: tuple[AccountFact, ...]


class SessionStatus(Result):
    """How a session says that it is, and what to do about it."""

    session: str
    phase: str
    health: str
    reason: str
    since: float
    until: float | None
    limited_until: float | None
    rung: str
    recoveries: int
    parked: int
    probe_seconds: float | None
    last_update: float | None
    user_id: int | None
    groups: int
    waits: tuple[Wait, ...]
    explanation: str
    advice: str
    health_explanation: str
    health_advice: str
    notice: str
    account: Account | None


class PairStatus(Result):
    """How a pair says that it is."""

    id: int
    source: int | str
    target: int | str
    mode: str
    waiting: int
    delivered: int
    repeated: int
    dead: int
    paused: str | None
    ready: bool
    deaf_since: float | None
    waits: tuple[Wait, ...]


class GroupStatus(Result):
    """A worker group and its pairs."""

    session: str
    group: str
    online: bool
    pairs: tuple[PairStatus, ...]


class ChangeOutcome(Result):
    """How one change of many went: why it was refused, if it was."""

    session: str
    changed: bool
    error: str


class ChangedMany(Result):
    """How each of the sessions went that were chosen; with ``dry_run`` nothing was changed."""

    outcomes: tuple[ChangeOutcome, ...]
    dry_run: bool


class Flood(Result):
    """Telegram asked an account to leave a method alone until then."""

    session: str
    method: str
    until: float


class Status(Result):
    """Everything, or one session; ``operations`` are those under way."""

    at: float
    version: str
    ready: bool
    readiness: str
    sessions: tuple[SessionStatus, ...]
    groups: tuple[GroupStatus, ...]
    waits: tuple[Wait, ...]
    floods: tuple[Flood, ...]
    operations: tuple[Operation, ...] = ()


class Candidate(Result):
    """A session that was looked at, and why it stands where it does."""

    name: str
    fits: bool
    reason: str


class Optimal(Result):
    """The session to give one more pair to, and all that were looked at."""

    name: str
    reason: str
    candidates: tuple[Candidate, ...]


class Deleted(Result):
    """A session is gone, or would be; ``moved`` says which pair goes to which session."""

    name: str
    moved: dict[int, str]
    dry_run: bool


class QrCode(Result):
    """A QR code to scan until ``expires``: what it holds, and its modules, ``1`` for a dark one."""

    url: str = Field(repr=False)
    expires: float
    rows: tuple[str, ...] = Field(repr=False)


class Phase(Result):
    """Where a session stands now, or the login that is under way beside it.

    ``says`` is how what a login waits for comes. While it is ``renewing`` the session itself works
    on.
    """

    session: str
    phase: str
    says: str = ""
    qr: QrCode | None = None
    renewing: bool = False

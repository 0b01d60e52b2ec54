"""Messages that the registry takes; each docstring says what the answer is.

Answers come when the change is on disk. A refusal is an error of ``RegistryError``'s branch or an
``InvalidRecordError``, and nothing has changed. ``who`` is noted in the audit trail. A message that
names nobody in ``who``, or nothing that could be a session or an operation, is refused while being
built: there is nothing to be noted about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...errors import InvalidRecordError, TelewardenError
from ...storage import AuditRow, Operation, OperationState, SessionRecord
from ...supervision import Ask, frozen
from ...telegram import SessionReport
from ..messages import PairPlan
from .model import RegistryLimits, SessionEntry

LONGEST_REST: Final = 86_400.0  # seconds that a deletion may wait for pairs to come to rest
LATEST: Final = 1e12  # epoch seconds; what is no time at all is more
AUDIT_LIMITS: Final = range(1, 1_000_001)  # rows in one answer
What = Literal["expired", "finished", "failed", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryWrite:
    """Something to be changed, and in whose name."""

    who: str = "app"

    def __post_init__(self) -> None:
        check_who(self.who)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionWrite(RegistryWrite):
    name: str

    def __post_init__(self) -> None:
        RegistryWrite.__post_init__(self)
        _check_session("name", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OperationWrite(RegistryWrite):
    id: int

    def __post_init__(self) -> None:
        RegistryWrite.__post_init__(self)
        if type(self.id) is not int:
            raise InvalidRecordError("id", self.id, "an operation's number")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSession(_SessionWrite, Ask[SessionEntry]):
    """Let there be one more session. Answered with its ``SessionEntry``."""

    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareSessions(RegistryWrite, Ask[None]):
    """Let these sessions be as the configuration says. Answered with ``None``."""

    records: tuple[SessionRecord, ...]


@frozen
class Redeclare(RegistryWrite, Ask[None]):
    """Let sessions, pairs and limits be as a configuration says that has changed.

    Answered with ``None``: all of it is so, or nothing has changed.

    Args:
        added: the sessions that are new.
        changed: the fields that are others, by session.
        removed: the sessions that it has no more; their logins and backups stay.
        before: the pairs as they were when ``pairs`` was worked out.
        pairs: those that are others from now on; ``None`` for one that it has no more.
        declared: everything that it says of pairs.
        obsolete: the pairs of which an earlier decision does not stand any more.
        limits: the registry's that are others.
        audited: for the audit trail, what was and what is.
    """

    added: tuple[SessionRecord, ...]
    changed: Mapping[str, Mapping[str, Any]] = field(repr=False)
    removed: tuple[str, ...]
    before: Mapping[int, PairPlan] = field(repr=False)
    pairs: Mapping[int, PairPlan | None] = field(repr=False)
    declared: Mapping[int, PairPlan] = field(repr=False)
    obsolete: tuple[int, ...]
    limits: Mapping[str, Any]
    audited: tuple[Mapping[str, Any], Mapping[str, Any]] = field(repr=False)


@frozen
class ChangeSession(_SessionWrite, Ask[SessionEntry]):
    """Change some fields at once, all or none. Answered with the ``SessionEntry``."""

    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMany(RegistryWrite, Ask["tuple[ItemOutcome, ...]"]):
    """Change many sessions, each all or none. Answered with an ``ItemOutcome`` for each."""

    changes: Mapping[str, Mapping[str, Any]] = field(repr=False)


@frozen
class ItemOutcome:
    """How one change of many went: the session as it is now, or why it is as it was."""

    name: str
    entry: SessionEntry | None = None
    error: TelewardenError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSession(_SessionWrite, Ask["Deleted"]):
    """Stop and forget a session. Answered with ``Deleted``.

    Refused while it has pairs; with ``force`` they are given to other sessions first, or, if
    there is no room for all of them, nobody may serve one, or one has not come to rest ``within``
    as many seconds, nothing happens. With ``dry_run`` nothing happens in any case.
    """

    force: bool = False
    within: float = 10.0
    accept_doubt: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        _SessionWrite.__post_init__(self)
        number = type(self.within) in {int, float}
        if not number or not 0 <= self.within <= LONGEST_REST:
            raise InvalidRecordError("within", self.within, f"seconds from 0 to {LONGEST_REST:g}")
        if type(self.force) is not bool:  # "no" would count as yes, where nothing can be undone
            raise InvalidRecordError("force", self.force, "True or False")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion(RegistryWrite):
    """The session has been stopped: forget it. The registry's word to itself.

    ``unfit`` are pairs with sessions that were planned before and may not serve them, and why.
    """

    name: str
    moves: Mapping[int, str]
    within: float = 10.0
    force: bool = False
    accept_doubt: bool = False
    dry_run: bool = False
    unfit: frozenset[tuple[int, str]] = frozenset()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A session is gone; ``moved`` says which pair went to which session."""

    name: str
    moved: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginOperation(RegistryWrite, Ask[Operation]):
    """An operation begins. Answered with the ``Operation``."""

    kind: str
    session: str | None = None
    steps: int = 1
    description: str = ""
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        RegistryWrite.__post_init__(self)
        if self.session is not None:
            _check_session("session", self.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceOperation(_OperationWrite, Ask[Operation]):
    """An operation has come further; ``None`` leaves as it is. Answered with the ``Operation``."""

    step: int | None = None
    steps: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPart(_OperationWrite, Ask[Operation]):
    """Add a numbered part, or replace it. Answered with the ``Operation``."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParts(_OperationWrite, Ask[Operation]):
    """Replace all parts; they are numbered from 1. Answered with the ``Operation``."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOperation(_OperationWrite, Ask[Operation]):
    """An operation is over. Answered with the ``Operation``."""

    state: OperationState = OperationState.FINISHED
    description: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOperation(_OperationWrite, Ask[Operation]):
    """Forget one operation that is over. Answered with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanOperations(RegistryWrite, Ask[tuple[int, ...]]):
    """Forget operations that are over: ``"all"`` of them, or some. Answered with their ids."""

    what: What = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconfigureRegistry(RegistryWrite, Ask["Limited"]):
    """Change limits while running. Answered with ``Limited``."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The limits as they are now and what followed.

    Args:
        removed: operations that went: expired, or over and too many.
        operations_over, sessions_over: how many there are too many, all of them in use; nothing
            new is taken until there are fewer.
    """

    limits: RegistryLimits
    removed: tuple[int, ...] = ()
    operations_over: int = 0
    sessions_over: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAsked(Ask[tuple[AuditRow, ...]]):
    """Who changed what? Answered with ``AuditRow``s, newest first; ``None`` matches everything."""

    who: str | None = None
    what: str | None = None
    subject: str | None = None
    since: float = 0.0
    before: float | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        for wanted in ("who", "what", "subject"):
            text = getattr(self, wanted)
            if text is not None and not (isinstance(text, str) and text.isprintable()):
                raise InvalidRecordError(wanted, text, "text as in the trail, or None for any")
        for name, at in (("since", self.since), ("before", self.before)):
            none = name == "before" and at is None
            if not none and (type(at) not in {int, float} or not abs(at or 0.0) <= LATEST):
                raise InvalidRecordError(name, at, "epoch seconds, as of time.time()")
        if type(self.limit) is not int or self.limit not in AUDIT_LIMITS:
            allowed = f"a whole number from 1 to {AUDIT_LIMITS[-1]}"
            raise InvalidRecordError("limit", self.limit, allowed)


@dataclass(frozen=True, slots=True)
class StatusReported:
    """A session has reported. No answer."""

    report: SessionReport


@dataclass(frozen=True, slots=True)
class PairPlansAsked(Ask[tuple[PairPlan, ...]]):
    """Which pairs are there? Answered with their plans, of one session or of all."""

    session: str | None = None


@dataclass(frozen=True, slots=True)
class PairPlanAsked(Ask[PairPlan]):
    """How is this pair planned? Answered with its plan."""

    pair: int


@dataclass(frozen=True, slots=True)
class BeginTransfer(Ask[None]):
    """These pairs are about to be taken from their sessions: once let go they are not given back.

    Answered with ``None``. Ended by a ``MovePairs``, a ``RemovePair`` or ``ServeAgain``.
    """

    pairs: frozenset[int]


@dataclass(frozen=True, slots=True)
class ServeAgain(Ask[None]):
    """These pairs stay where they are, after all. Answered with ``None``."""

    pairs: frozenset[int]


def check_who(who: object) -> None:
    """Raise ``InvalidRecordError`` for what cannot be noted as whoever changes something."""
    if not isinstance(who, str) or not who or not who.isprintable():
        raise InvalidRecordError("who", who, "a name in characters that can be printed")


def _check_session(field_: str, name: object) -> None:
    if not isinstance(name, str):
        raise InvalidRecordError(field_, name, "the name of a session")

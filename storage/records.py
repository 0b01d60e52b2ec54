"""Frozen records that go into the store and come out of it.

Owns their shapes and what a sensible value is. Times are epoch seconds, chats are Telegram's
marked peer ids, key ids are unsigned 64-bit numbers. Secrets and phone numbers are not in reprs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from ..errors import InvalidRecordError

NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
PHONE: Final = re.compile(r"\+?[0-9]{5,15}")
PRIORITIES: Final = range(1, 11)
PAIR_LIMITS: Final = range(1, 51)
MODES: Final = ("forward", "copy")
STATES: Final = ("pending", "done", "dead")
NO_METADATA: Final[Mapping[str, object]] = MappingProxyType({})
"""What all share who have none, so nobody may write into it."""

Mode = Literal["forward", "copy"]
State = Literal["pending", "done", "dead"]


def check_name(name: str) -> str:
    """Return a session's name, or raise ``InvalidRecordError``: it also names files."""
    if not NAME.fullmatch(name):
        raise InvalidRecordError("name", name, "1 to 64 letters, digits and underscores")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A registered session; ``key_id`` and ``dc_id`` are filled in by ``put_credential``."""

    name: str
    phone: str | None = field(default=None, repr=False)
    priority: int = 5
    max_pairs: int = 30
    metadata: Mapping[str, object] = field(default_factory=lambda: NO_METADATA, repr=False)
    key_id: int | None = None
    dc_id: int | None = None
    user_id: int | None = None
    created: float = 0.0
    updated: float = 0.0

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_values(self)

    def replace(self, **fields: Any) -> SessionRecord:
        """This record with other values, in a third of the time of ``dataclasses.replace``.

        Raises:
            InvalidRecordError: as when it is built.
        """
        made = _copied(self)
        for name, value in fields.items():
            object.__setattr__(made, name, value)
        if "name" in fields:
            check_name(made.name)
        _check_values(made)
        return made


def _check_values(record: SessionRecord) -> None:
    if record.phone is not None and not PHONE.fullmatch(record.phone):
        raise InvalidRecordError("phone", "not a number", "digits as in +12025550123")
    if record.priority not in PRIORITIES:
        raise InvalidRecordError("priority", record.priority, "1 to 10")
    if record.max_pairs not in PAIR_LIMITS:
        raise InvalidRecordError("max_pairs", record.max_pairs, "1 to 50")


def _copier() -> Callable[[SessionRecord], SessionRecord]:
    """A function that copies slot by slot; a loop over the slots takes twice as long."""
    names = [one.name for one in dataclass_fields(SessionRecord)]
    known: dict[str, Any] = {f"set_{name}": getattr(SessionRecord, name).__set__ for name in names}
    known |= {"new": object.__new__, "SessionRecord": SessionRecord}
    body = "; ".join(f"set_{name}(made, record.{name})" for name in names)
    exec(f"def copied(record): made = new(SessionRecord); {body}; return made", known)  # noqa: S102 - as dataclasses do
    return known["copied"]  # type: ignore[no-any-return]


_copied: Final = _copier()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFigures:
    """What the database knows of a session in numbers.

    Args:
        key_id: which key its login has.
        backed_up: when its newest backup was made; ``None`` without one.
        codes: login codes that were asked for lately.
        latched: its key is dead.
        waiting_since: when the oldest of its pending messages came; ``None`` without any.
    """

    name: str
    key_id: int | None = None
    backed_up: float | None = None
    codes: int = 0
    latched: bool = False
    waiting_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A session string that opened and matched its digest and key id."""

    name: str
    session_string: str = field(repr=False)
    key_id: int
    dc_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRecord:
    """One kept copy of a session's credential; its content comes from ``backup_credential``."""

    id: int
    name: str
    reason: str
    at: float
    key_id: int
    dc_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latch:
    """A key that Telegram declared dead: no copy of it may be tried again."""

    key_id: int
    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One source chat whose messages go to one target chat through one session.

    ``source_name`` and ``target_name`` say by which name or number they were found.
    """

    id: int
    session: str
    source: int
    target: int
    mode: Mode = "forward"
    enabled: bool = True
    paused_reason: str | None = None
    filters: Mapping[str, object] = field(default_factory=dict)
    group: int | None = None
    source_name: str | None = None
    target_name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.session)
        if self.mode not in MODES:
            raise InvalidRecordError("mode", self.mode, "forward or copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What was decided about a pair at run time: its plan, or ``None`` where it was removed.

    ``declared`` is the fingerprint of what the configuration said of it then; ``None`` if nothing.
    """

    id: int
    plan: Mapping[str, object] | None = field(repr=False)
    declared: str | None = None


# Reasons of messages that wait
IN_DOUBT: Final = "IN_DOUBT"  # it may have arrived by another account
UNWANTED: Final = "UNWANTED"  # the filters keep it out by now, and it may have arrived before
RETRIED: Final = "RETRIED"  # it was a dead letter, and may have arrived before it became one


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message on its way through one pair; written before anything is sent."""

    pair_id: int
    source_chat: int
    source_id: int
    random_id: int  # signed 64-bit, a function of pair and source message
    enqueued_at: float
    payload: bytes | None = field(default=None, repr=False)  # sealed on disk
    state: State = "pending"
    attempts: int = 0
    reason: str | None = None
    target_id: int | None = None
    version: int | None = None  # what the copy says, as a number, as far as it is known
    payload_damaged: bool = False  # the stored payload did not open: read the message again

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise InvalidRecordError("state", self.state, "pending, done or dead")


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A forwarded message was edited or deleted at the source, and its copy not yet."""

    pair_id: int
    source_id: int
    change: Literal["edit", "delete"]


@dataclass(frozen=True, slots=True)
class Backfill:
    """A pair reads its source's past: done up to ``after``, asked for up to ``until``.

    ``until`` 0 stands for the pair's mark, when it will have one. ``since`` (epoch seconds) stands
    for an ``after`` that has yet to be asked for.
    """

    pair_id: int
    after: int
    until: int
    found: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxCounts:
    """How many outbox rows there are in each state."""

    pending: int = 0
    done: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPruned:
    """One piece of pruning: how many rows went, and where the next piece begins.

    ``reached`` is ``None`` when there is nothing more to be looked at.
    """

    removed: int
    reached: tuple[float, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The newest source message of a chat that a pair is done with."""

    pair_id: int
    chat: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodRow:
    """Until when one account must not call one method, in one chat or (``None``) in any."""

    account: str
    method: str
    chat: int | None
    until: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What one session needs to address a chat or user it has seen."""

    id: int  # marked peer id
    access_hash: int = field(repr=False)
    username: str | None = None
    seen: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateState:
    """How far a session has heard: ``entity_id`` 0 is the account, others are channels."""

    entity_id: int
    pts: int
    qts: int = 0
    date: float = 0.0
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashRow:
    """One failure of one child of the tree."""

    path: str
    reason: str
    at: float


class OperationState(StrEnum):
    """Where an operation stands; only a running one makes progress."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Part:
    """One numbered part of an operation, in plain words."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that takes a while: a login, a recovery, a backfill, a bulk move, a backup.

    Args:
        step: how many of ``steps`` are done.
        parts: numbered, in the order of their numbers.
        error: why it failed; empty otherwise.
        who: who began it.
        updated: when it last made progress.
    """

    id: int
    kind: str
    session: str | None = None
    state: OperationState = OperationState.RUNNING
    step: int = 0
    steps: int = 1
    description: str = ""
    parts: tuple[Part, ...] = ()
    error: str = ""
    who: str = "app"
    started: float = 0.0
    updated: float = 0.0
    ended: float | None = None

    @property
    def active(self) -> bool:
        """Whether it is still under way."""
        return self.state is OperationState.RUNNING

    @property
    def progress(self) -> float:
        """How much is done, 0 to 1."""
        return self.step / self.steps

    def stuck(self, now: float, after: float) -> bool:
        """Whether it is under way and has made no progress for ``after`` seconds."""
        return self.active and now - self.updated >= after


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """How the health monitor found a session, or a worker group of it, and what it did about it.

    ``steps`` have the step, how often, when last (epoch seconds), and what came in its way.
    """

    session: str
    worker_group: str
    health: str
    reason: str
    why: Sequence[str]
    since: float
    steps: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who changed what, from which value to which, and how it went."""

    who: str
    what: str
    subject: str
    before: object = None
    after: object = None
    outcome: str = "done"
    at: float

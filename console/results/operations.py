"""Results about operations."""

from __future__ import annotations

from .base import Result


class Part(Result):
    """One numbered part."""

    number: int
    text: str


class Operation(Result):
    """Something that takes a while, and how far it is."""

    id: int
    kind: str
    session: str | None
    state: str
    step: int
    steps: int
    description: str
    parts: tuple[Part, ...]
    error: str
    who: str
    started: float
    updated: float
    ended: float | None
    active: bool
    progress: float


class OperationList(Result):
    """Operations, oldest first."""

    operations: tuple[Operation, ...]


class Cleaned(Result):
    """The numbers of those that are forgotten."""

    removed: tuple[int, ...]


class LimitValues(Result):
    """How much the registry holds and for how long, in seconds; use is from 0 to 1."""

    max_sessions: int
    max_operations: int
    keep_finished: float
    keep_failed: float
    keep_any: float
    stuck_after: float
    tidy_every: float
    sessions_every: float
    warning_at: float
    critical_at: float


class Limits(Result):
    """The limits as they are now, and the operations that went because of a change."""

    limits: LimitValues
    removed: tuple[int, ...]

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

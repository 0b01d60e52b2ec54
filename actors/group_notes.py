"""What a worker group says to itself: results of what it started, and timers."""

from __future__ import annotations

from dataclasses import dataclass

from ..storage import OutboxRow, PairRecord
from ..telegram import Incoming

__all__ = ["Loaded", "LocateAgain", "ReadAgain", "Recheck", "Retry", "Rows", "Stored"]


class Rows:
    """What the database knows of these pairs."""

    __slots__ = ("marks", "owed", "records")

    def __init__(
        self,
        *,
        records: dict[int, PairRecord],
        marks: dict[tuple[int, int], int],
        owed: list[OutboxRow],
    ) -> None:
        self.records, self.marks, self.owed = records, marks, owed


@dataclass(frozen=True, slots=True)
class Loaded:
    """The database's answer at the start."""

    rows: Rows


@dataclass(frozen=True, slots=True)
class Stored:
    """These messages are in the outbox, on the disk."""

    pair: int
    messages: tuple[Incoming, ...]


@dataclass(frozen=True, slots=True)
class Retry:
    """Try this pair's next message again."""

    pair: int


@dataclass(frozen=True, slots=True)
class LocateAgain:
    """Ask again where the chats are; it failed for no reason of theirs."""


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read this pair's source again; it failed for no reason of the pair's."""

    pair: int


@dataclass(frozen=True, slots=True)
class Recheck:
    """See whether a paused pair works again."""

    pair: int

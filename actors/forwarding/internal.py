"""Internal messages of a worker group: results of started work, and timers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...storage import Backfill, OutboxRow, PairRecord, PendingChange, RingVerdict
from ...supervision import Answer
from ...telegram import Incoming
from ..messages import HistoryRead
from .batching import Change, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPairs:
    """What the database knows of these pairs."""

    ids: tuple[int, ...]
    records: dict[int, PairRecord]
    marks: dict[tuple[int, int], int]
    owed: list[OutboxRow]
    possible_versions: Mapping[tuple[int, int], frozenset[int]]
    changes: list[PendingChange]
    last_targets: dict[int, int]
    backfills: list[Backfill]
    dead: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class PairsLoaded:
    """The database's answer at the start."""

    rows: StoredPairs


@dataclass(frozen=True, slots=True)
class OutboxStored:
    """These messages are in the outbox, on the disk."""

    pair: int
    messages: tuple[Incoming, ...]


@dataclass(frozen=True, slots=True)
class ChangesRecorded:
    """Of the messages that were ``asked`` for these changes are noted, on the disk."""

    pair: int
    changes: tuple[Change, ...]
    asked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetsResolved:
    """Which message became which, for what is to be done next.

    ``ring`` says of messages that a pair of a ring would carry on which of them it may.
    """

    pair: int
    ticket: int
    items: tuple[Item, ...]
    targets: dict[int, int]
    ring: Mapping[int, RingVerdict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compare:
    """What sent messages said; they are compared with the source."""

    pair: int
    versions: dict[int, int]
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOlder:
    """Compare the next older page, in the ``round`` that began with the newest."""

    pair: int
    below: int
    round: int


@dataclass(frozen=True, slots=True)
class BackfillPageStored:
    """A page of the past (``ids``) is in the outbox, as far as it was not there before.

    ``dead`` are those of them to which a rule of the pair could not be applied.
    """

    pair: int
    ids: tuple[int, ...]
    messages: tuple[Incoming, ...]
    dead: tuple[tuple[int, str, float], ...]
    backfill: Backfill
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A pair begins anew where its source has gone; or not yet, there is something to be done."""

    pair: int
    to: int
    done: bool


@dataclass(frozen=True, slots=True)
class BackfillNoted:
    """It is on the disk that a pair is to read its past."""

    pair: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class OrderDone:
    """An operator's order was carried out in the database; ``ids`` go on their way again."""

    answer: Answer
    pair: int
    count: int
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseLater:
    """See whether a pair that is to be let go has come to rest.

    With an ``answer`` it goes to another account, and only if all that it sent is known to have
    arrived. Without one it goes to another group of the same account, at ``until`` at the latest.
    """

    pair: int
    until: float
    answer: Answer | None
    accept_doubt: bool = False


@dataclass(frozen=True, slots=True)
class HandlersClosed:
    """Handlers of pairs that are gone have let go of what they had open."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try this pair's next message again."""

    pair: int


@dataclass(frozen=True, slots=True)
class RedoEdits:
    """Make edits of this pair once more: older ones may have been carried out behind them."""

    pair: int


@dataclass(frozen=True, slots=True)
class KnownCopies:
    """Which messages of a target that was ``read`` are known to be copies of something else."""

    pair: int
    read: HistoryRead
    taken: frozenset[int]


@dataclass(frozen=True, slots=True)
class SearchAgain:
    """Look once more in the target for messages that were not there: they may have come late."""

    pair: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CommitDone:
    """A commit is done; ``told`` are the notes that belong to it, in order."""

    told: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class WriteTicks:
    """Write down what is done."""


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

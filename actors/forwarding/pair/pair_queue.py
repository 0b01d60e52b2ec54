"""The queue of one pair: what waits, what is under way, which changes are being noted. Pure.

One thing is under way at a time; what has failed is not tried again before its pause is over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ....telegram import Incoming, Receipt, RichText, content_hash
from .batching import Albums, Change, Item, Together, Wait, next_items
from .revisions import is_older
from .shown import shown
from .state_table import PairEvent


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is being done for a pair; ``ticket`` tells this try from an earlier one.

    ``texts`` are sent in place of the messages' own, ``shorter`` where Telegram finds them too
    long. ``others`` are messages of the target that are known to be of other messages.
    """

    ticket: int
    items: tuple[Item, ...]
    texts: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    shorter: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    others: Collection[int] = frozenset()


class PairQueue:
    """What is to be done at the target, in order.

    Args:
        step: called with ``Begun`` and ``Ended``.
    """

    under_way: Final[UnderWay | None] = shown("_under_way")
    attempts: Final[int] = shown("_attempts")
    rests_as: Final[str] = shown("_rests_as")
    asked: Final[Collection[int]] = shown("_asked")

    def __init__(self, step: Callable[[PairEvent], None]) -> None:
        self._step = step
        self._items: deque[Item] = deque()
        self._under_way: UnderWay | None = None
        self._attempts, self._retry_at = 0, 0.0  # failures of what is next in a row, and the pause
        self._rests_as = ""  # why there is a pause, where somebody asked for it
        self._asked: Counter[int] = Counter()  # changes of a message that are just being noted
        self._held = 0  # what is being written down of messages before those that wait

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def busy(self) -> tuple[Item, ...]:
        """The items of it."""
        return () if self._under_way is None else self._under_way.items

    def is_busy(self, item: Item) -> bool:
        """Whether an item is under way."""
        return any(one is item for one in self.busy)

    def is_current(self, ticket: int) -> bool:
        """Whether an answer is to what is under way, and not to an earlier try."""
        return self._under_way is not None and self._under_way.ticket == ticket

    def next(
        self, albums: Albums, *, now: float, together: Together | None, more_to_come: bool
    ) -> tuple[Item, ...] | Wait | None:
        """What may be begun now, as ``next_items``; nothing while something is under way."""
        if self._under_way is not None or self._held or now < self._retry_at:
            return None
        return next_items(
            self._items, albums, now=now, together=together, more_to_come=more_to_come
        )

    def begin(self, under_way: UnderWay) -> None:
        """Something is on its way to the target."""
        self._step(PairEvent.BEGUN)
        self._under_way = under_way

    def end(self, *, but: int = 0) -> tuple[Item, ...]:
        """It is not any more, except for the first ``but`` items; returns what waits again."""
        if self._under_way is None:
            return ()
        items = self._under_way.items
        self._keep_under_way(items[:but])
        return items[but:]

    def _keep_under_way(self, items: tuple[Item, ...]) -> None:
        if items and self._under_way is not None:
            self._under_way = replace(self._under_way, items=items)
        else:
            self._step(PairEvent.ENDED)
            self._under_way = None

    def tell_apart(self, others: Collection[int]) -> None:
        """What is under way may stand in the target already, and is none of ``others``."""
        if self._under_way is not None:
            self._under_way = replace(self._under_way, others=others)

    def settle(self, ticket: int, receipt: Receipt) -> tuple[Item, ...]:
        """Take off the queue what is done; empty if the answer is to an older try.

        Messages that the receipt does not tell of stay under way.
        """
        if self._under_way is None or self._under_way.ticket != ticket:
            return ()
        items = self._under_way.items
        left = tuple(
            one for one in items if isinstance(one, Incoming) and not receipt.tells(one.id)
        )
        self._keep_under_way(left)
        return self.give_up(tuple(one for one in items if one not in left))

    def hold(self) -> None:
        """It is being written down that some are not sent: what waits goes behind that."""
        self._held += 1

    def release(self) -> None:
        """It is written down."""
        self._held -= 1

    def enqueue(self, items: Iterable[Item]) -> None:
        """These wait to be done."""
        self._items.extend(items)

    def clear(self) -> None:
        """Nothing waits any more, nor is anything under way."""
        self.end()
        self._items.clear()

    def take_edits(self) -> list[int]:
        """Take out all edits; returns whose they are."""
        edits = [one for one in self._items if isinstance(one, Change) and one.message is not None]
        self._items = deque(one for one in self._items if one not in edits)
        return [one.source_id for one in edits]

    def take_messages(self) -> list[int]:
        """Take out the messages that wait and are not under way; returns which."""
        waiting = [
            one.id for one in self._items if isinstance(one, Incoming) and not self.is_busy(one)
        ]
        again = set(waiting)
        self._items = deque(
            one for one in self._items if isinstance(one, Change) or one.id not in again
        )
        return waiting

    def failed(self) -> int:
        """What is next has failed; returns how often in a row."""
        self._attempts += 1
        return self._attempts

    def retry(self, at: float = 0.0, *, why: str = "") -> None:
        """Try nothing before ``at``; without it, at once. ``why`` is for whoever looks."""
        self._retry_at, self._rests_as = at, why

    def take_out(self, message: Incoming) -> None:
        """A message is not sent after all."""
        self._items.remove(message)

    def give_up(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Take items off the queue; nothing more is tried with them."""
        self.reset_tries()
        for item in items:
            self._items.remove(item)
        return items

    def reset_tries(self) -> None:
        """What is next has not failed yet."""
        self._attempts, self._retry_at, self._rests_as = 0, 0.0, ""

    def swap(self, old: Item, new: Item | None) -> None:
        """Put ``new`` in the place of what waits, or take it out."""
        place = self._items.index(old)
        if new is None:
            del self._items[place]
        else:
            self._items[place] = new

    def put_change(self, change: Change) -> None:
        """Queue an edit or a deletion; of those that wait for one message the newest is made.

        What is just being made is not made twice.
        """
        made = False
        for place, item in enumerate(self._items):
            if isinstance(item, Change) and item.source_id == change.source_id:
                if not self.is_busy(item):
                    self._items[place] = _newest(item, change)
                    return
                made = _same(item, change)
        if not made:
            self._items.append(change)

    def ask_for(self, source_ids: Iterable[int]) -> None:
        """Changes of these are being noted on the disk."""
        self._asked.update(source_ids)

    def noted(self, source_ids: Iterable[int]) -> None:
        """They are."""
        self._asked -= Counter(source_ids)

    def has_change(self, source_id: int) -> bool:
        """Whether another change of a message is to be made, or is being noted."""
        return self._asked[source_id] > 0 or any(
            isinstance(one, Change) and one.source_id == source_id for one in self._items
        )


def _newest(waiting: Change, change: Change) -> Change:
    """Which of two changes of one message is to be made; what is gone stays gone."""
    if waiting.message is None or change.message is None:
        return Change(change.source_id)
    return waiting if is_older(change.message, waiting.message) else change


def _same(made: Change, change: Change) -> bool:
    if made.message is None or change.message is None:
        return made.message is None
    return content_hash(made.message) == content_hash(change.message)

"""Batching of a pair's queue: albums whole, other messages in batches. Pure.

Telegram tells an album item by item and never says how many there are. So an album waits until
nothing has been added to it for a moment; one that turns out to be a single item goes as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from ....telegram import Incoming

ALBUM_LIMIT: Final = 10  # pictures in one album, Telegram's limit
ALBUM_QUIET: Final = 0.5  # seconds; items of one album come within a few hundredths of each other
ALBUMS_KNOWN: Final = 50  # whose last item is remembered
LOOK_AHEAD: Final = 40  # queue places in which an album's items may be mixed with other messages
BATCH: Final = 10  # messages at once, so that a busy pair does not hold up the others


@dataclass(frozen=True, slots=True)
class Change:
    """A message that was sent is edited (``message``) or, without one, deleted."""

    source_id: int
    message: Incoming | None = None


Item = Incoming | Change
Together = Callable[[Incoming, Incoming], bool]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go yet; look again in ``seconds``."""

    seconds: float


@dataclass(slots=True)
class Albums:
    """When something was last added to an album that is being posted."""

    touched: dict[int, float] = field(default_factory=dict)

    def touch(self, message: Incoming, now: float) -> None:
        """A message has just come, live."""
        if message.grouped_id is None:
            return
        self.touched.pop(message.grouped_id, None)
        self.touched[message.grouped_id] = now
        if len(self.touched) > ALBUMS_KNOWN:
            del self.touched[next(iter(self.touched))]

    def quiet_in(self, grouped_id: int, now: float) -> float:
        """Seconds until an album counts as whole; 0 when it does."""
        touched = self.touched.get(grouped_id)
        return 0.0 if touched is None else max(0.0, touched + ALBUM_QUIET - now)


def next_items(
    queue: deque[Item],
    albums: Albums,
    *,
    now: float,
    together: Together | None,
    more_to_come: bool,
) -> tuple[Item, ...] | Wait | None:
    """What goes next: one change, one message, one album, or a batch of messages.

    Args:
        together: which single messages may go at once; ``None`` lets each go alone.
        more_to_come: history is being read, or messages are being written, so that the queue's end
            is no album's end.
    """
    if not queue:
        return None
    head = queue[0]
    if isinstance(head, Change):
        return (head,)
    if head.grouped_id is not None:
        return _album(queue, head.grouped_id, albums, now, more_to_come=more_to_come)
    return (head,) if together is None else _batch(queue, head, together)


def forwards_together(first: Incoming, other: Incoming) -> bool:
    """One request forwards them: it names one topic, and is heard or silent."""
    return (first.topic, first.silent) == (other.topic, other.silent)


def copies_together(first: Incoming, other: Incoming) -> bool:
    """They are sent by the same method, and none has to wait for what another becomes."""
    return (
        first.topic == other.topic
        and first.by_media is other.by_media
        and first.reply_to is None
        and other.reply_to is None
    )


def _album(
    queue: deque[Item], grouped_id: int, albums: Albums, now: float, *, more_to_come: bool
) -> tuple[Item, ...] | Wait | None:
    ahead: Sequence[Item] = tuple(islice(queue, LOOK_AHEAD))
    album = tuple(
        item for item in ahead if isinstance(item, Incoming) and item.grouped_id == grouped_id
    )[:ALBUM_LIMIT]
    if len(album) == ALBUM_LIMIT:
        return album
    if more_to_come and album[-1] is queue[-1]:
        return None  # the next page of history may begin with its next item
    quiet_in = albums.quiet_in(grouped_id, now)
    return Wait(quiet_in) if quiet_in > 0 else album


def _batch(queue: deque[Item], first: Incoming, together: Together) -> tuple[Item, ...]:
    batch: list[Item] = [first]
    for item in islice(queue, 1, BATCH):
        if not isinstance(item, Incoming) or item.grouped_id is not None:
            break
        if not together(first, item):
            break
        batch.append(item)
    return tuple(batch)

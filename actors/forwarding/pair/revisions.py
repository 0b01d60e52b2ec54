"""The newest known revision of each message on its way. Pure.

An answer with history may be older than an edit that was told while it was on its way, and
Telegram tells an edit again in the difference after a gap, when a newer one may have been told.
So whatever enters a pair's queue, or is made of a sent message, is the newest that is known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from ....telegram import Incoming

KEPT: Final = 10_000  # messages of one pair; whoever has more forgets the oldest, see ``lossy``


def is_older(message: Incoming, than: Incoming) -> bool:
    """Whether Telegram edited one before the other; it tells the second, so a tie is not older."""
    if message.edited is None or than.edited is None:
        return message.edited is None and than.edited is not None
    return message.edited < than.edited


class Revisions:
    """The newest revision of each message that is on its way; ``None`` for one that is gone.

    ``lossy`` says that some have been forgotten since it was last set to false.
    """

    __slots__ = ("_newest", "lossy")

    def __init__(self) -> None:
        self._newest: OrderedDict[int, Incoming | None] = OrderedDict()
        self.lossy = False

    def __len__(self) -> int:
        return len(self._newest)

    def edited(self, message: Incoming) -> bool:
        """Note an edit; tells whether it is news. What is gone stays gone."""
        if message.id in self._newest:
            known = self._newest[message.id]
            if known is None or is_older(message, known):
                return False
        self._note(message.id, message)
        return True

    def gone(self, source_id: int) -> None:
        """Note a deletion."""
        self._note(source_id, None)

    def knows(self, source_id: int) -> bool:
        """Whether anything was told of a message."""
        return source_id in self._newest

    def newest(self, message: Incoming) -> Incoming | None:
        """A message as it is now, as far as is known; ``None`` when it is gone."""
        if message.id not in self._newest:
            return message
        known = self._newest[message.id]
        return message if known is not None and is_older(known, message) else known

    def forget(self, source_ids: Iterable[int]) -> None:
        """These are not on their way any more."""
        for one in source_ids:
            self._newest.pop(one, None)

    def forget_edits(self) -> None:
        """Newer ones may have been missed. What is gone stays gone."""
        self.forget([one for one, message in self._newest.items() if message is not None])

    def keep(self, on_its_way: Callable[[int], bool]) -> None:
        """Forget all others."""
        if self._newest:
            self.forget([one for one in self._newest if not on_its_way(one)])

    def clear(self) -> None:
        """Forget everything."""
        self._newest.clear()

    def _note(self, source_id: int, message: Incoming | None) -> None:
        self._newest[source_id] = message
        if len(self._newest) > KEPT:
            self._newest.popitem(last=False)
            self.lossy = True

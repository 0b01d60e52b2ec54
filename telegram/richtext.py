"""Rich text: a text with its entities, edited without the entities losing their place.

Pure, and knows no Telethon: a mark is anything with ``offset`` and ``length``, counted as Telegram
counts, in UTF-16 units; one with a ``url`` is an address behind words. Telethon's own entities are
such marks. Whatever changes a text takes time in proportion to it and to its marks.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Final

MOST_UNITS: Final = 65536  # what a text may grow to on its way; 16 times what Telegram takes

Place = tuple[int, int, str]
"""Where something is replaced, in characters from and to, and by what."""


def units(text: str) -> int:
    """Return the length of ``text`` as Telegram counts it: characters beyond the BMP are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class RichText:
    """A text and its marks. Changing it gives a new one; the marks given are never touched.

    ``parts`` says of what else the message holds which words and addresses are replaced by which;
    ``shortened`` that words were cut off, as it would have been too long.
    """

    text: str = field(repr=False)
    marks: tuple[Any, ...] = field(default=(), repr=False)
    parts: Mapping[str, str] = field(default_factory=dict, repr=False)
    shortened: bool = False

    def __len__(self) -> int:
        return len(self.text)

    def before(self, words: str) -> RichText:
        """The same with ``words`` in front."""
        return self.replaced(0, 0, words)

    def behind(self, words: str) -> RichText:
        """The same with ``words`` at the end."""
        return replace(self, text=self.text + words)

    def replaced(self, start: int, end: int, words: str) -> RichText:
        """The same with the characters from ``start`` to ``end`` replaced by ``words``.

        A mark around the place grows or shrinks with it, one inside it goes, one that overlaps it
        keeps its other part.
        """
        return self.substituted([(start, end, words)])

    def substituted(self, places: Iterable[Place]) -> RichText:
        """The same with every place replaced; they are told from left to right, none in another.

        A text that grows past ``MOST_UNITS`` ends there.
        """
        changes = _Changes(self.text)
        for start, end, words in places:
            if not changes.add(start, end, words):
                changes.add(start, len(self.text), "")
                break
        if not changes.count:
            return self
        return replace(self, text=changes.text(), marks=changes.moved(self.marks))

    def addressed(self, change: Callable[[str], str]) -> RichText:
        """The same with ``change`` made in the addresses that stand behind words."""
        return replace(self, marks=tuple(_addressed(mark, change) for mark in self.marks))

    def cut(self, limit: int) -> RichText:
        """At most ``limit`` UTF-16 units of it; what was cut off is told by an ellipsis."""
        if units(self.text) <= limit:
            return self
        if limit < 1:
            return RichText("", shortened=True)
        text = self.replaced(_within(self.text, limit - 1), len(self.text), "…")
        return replace(text, shortened=True)

    def stripped(self) -> RichText:
        """The same without white space at its ends, as Telegram stores it."""
        right = len(self.text.rstrip())
        left = len(self.text) - len(self.text.lstrip()) if right else 0
        return self.substituted([(0, left, ""), (right, len(self.text), "")])


class _Changes:
    """Replacements from left to right: the text they make, and where each mark comes to stand.

    ``_starts`` and ``_ends`` are where the replaced places stand in the old text, in units;
    ``_lefts`` and ``_rights`` where what replaces them stands in the new one.
    """

    def __init__(self, text: str) -> None:
        self._old = text
        self._at = self._old_units = self._new_units = self.count = 0
        self._parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._lefts: list[int] = []
        self._rights: list[int] = []

    def add(self, start: int, end: int, words: str) -> bool:
        """Replace one more place; false when the text would grow too long by it."""
        if start == end and not words:
            return True
        kept, gone = self._old[self._at : start], self._old[start:end]
        left, right = self._old_units + units(kept), units(words)
        new_left = self._new_units + units(kept)
        if words and new_left + right > MOST_UNITS:
            return False
        self._parts += (kept, words)
        self._starts.append(left)
        self._ends.append(left + units(gone))
        self._lefts.append(new_left)
        self._rights.append(new_left + right)
        self._at, self._old_units, self._new_units = end, self._ends[-1], self._rights[-1]
        self.count += 1
        return True

    def text(self) -> str:
        """The new text."""
        return "".join((*self._parts, self._old[self._at :]))

    def moved(self, marks: Iterable[Any]) -> tuple[Any, ...]:
        """The marks where they stand in it; those of which nothing is left are missing."""
        found = (self._moved(mark) for mark in marks)
        return tuple(mark for mark in found if mark is not None)

    def _moved(self, mark: Any) -> Any | None:
        first = self._first(mark.offset)
        length = self._last(mark.offset + mark.length) - first
        if length <= 0:
            return None
        if (first, length) == (mark.offset, mark.length):
            return mark
        changed = copy.copy(mark)
        changed.offset, changed.length = first, length
        return changed

    def _first(self, unit: int) -> int:
        """Where a mark begins that began at ``unit``: behind what was put in there."""
        place = bisect_right(self._starts, unit) - 1
        if place < 0:
            return unit
        if self._starts[place] == unit < self._ends[place]:
            return self._lefts[place]
        return self._rights[place] + max(0, unit - self._ends[place])

    def _last(self, unit: int) -> int:
        """Where a mark ends that ended at ``unit``: before what was put in there."""
        place = bisect_left(self._starts, unit) - 1
        if place < 0:
            return unit
        if unit < self._ends[place]:
            return self._lefts[place]
        return self._rights[place] + unit - self._ends[place]


def _addressed(mark: Any, change: Callable[[str], str]) -> Any:
    url = getattr(mark, "url", None)
    if not url or (changed := change(url)) == url:
        return mark
    other = copy.copy(mark)
    other.url = changed
    return other


def _within(text: str, limit: int) -> int:
    """How many characters of ``text`` have at most ``limit`` units."""
    if text.isascii():
        return min(limit, len(text))
    counted = list(accumulate(2 if one > "\uffff" else 1 for one in text))
    return bisect_right(counted, limit)

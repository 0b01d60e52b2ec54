"""A text with its marks (bold, links, mentions), changed without the marks losing their place.

Pure, and knows no Telethon: a mark is anything with ``offset`` and ``length``, counted as Telegram
counts, in UTF-16 units. Telethon's own entities are such marks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["RichText", "units"]


def units(text: str) -> int:
    """Return the length of ``text`` as Telegram counts it: characters beyond the BMP are two."""
    return len(text) + sum(1 for one in text if ord(one) > 0xFFFF)


@dataclass(frozen=True, slots=True)
class RichText:
    """A text and its marks. Changing it gives a new one; the marks given are never touched."""

    text: str = field(repr=False)
    marks: tuple[Any, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.text)

    def before(self, words: str) -> RichText:
        """The same with ``words`` in front."""
        return self.replaced(0, 0, words)

    def behind(self, words: str) -> RichText:
        """The same with ``words`` at the end."""
        return RichText(self.text + words, self.marks)

    def replaced(self, start: int, end: int, words: str) -> RichText:
        """The same with the characters from ``start`` to ``end`` replaced by ``words``.

        A mark around the place grows or shrinks with it, one inside it goes, one that overlaps it
        keeps its other part.
        """
        text = self.text[:start] + words + self.text[end:]
        if not self.marks:
            return RichText(text)
        left, gone = units(self.text[:start]), units(self.text[start:end])
        moved = (_moved(mark, left, gone, units(words)) for mark in self.marks)
        return RichText(text, tuple(mark for mark in moved if mark is not None))

    def substituted(self, find: Callable[[str, int], tuple[int, int, str] | None]) -> RichText:
        """The same with every place that ``find(text, from)`` names replaced, left to right."""
        result, at = self, 0
        while (place := find(result.text, at)) is not None:
            start, end, words = place
            result = result.replaced(start, end, words)
            at = start + len(words) + (start == end)
            if at > len(result.text):
                break
        return result

    def cut(self, limit: int) -> RichText:
        """At most ``limit`` characters of it; what was cut off is told by an ellipsis."""
        if len(self.text) <= limit:
            return self
        return self.replaced(limit - 1, len(self.text), "…")


def _moved(mark: Any, left: int, gone: int, come: int) -> Any | None:
    """A mark after ``gone`` units at ``left`` became ``come``; ``None`` when nothing is left."""
    first, last = mark.offset, mark.offset + mark.length
    right, shift = left + gone, come - gone
    if first >= right and not (first == left == right and come == 0):
        first, last = first + shift, last + shift
    elif last <= left:
        return mark
    elif first <= left and last >= right:
        last += shift
    elif first >= left and last <= right:
        return None
    elif first < left:
        last = left
    else:
        first, last = left + come, last + shift
    if last <= first:
        return None
    changed = copy.copy(mark)
    changed.offset, changed.length = first, last - first
    return changed

"""An immutable mapping whose next version shares nearly all of itself with this one.

A plain dict copied for every change would cost 10,000 entries each time. A book is a tuple of
small dicts ("pages"): a change copies one page and the tuple, and everybody who holds the version
before keeps it, whole, without a lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar

PAGES: Final = 256  # 40 entries a page at 10,000; a power of two, so that a mask finds the page
MASK: Final = PAGES - 1

K = TypeVar("K")
V = TypeVar("V")


class PersistentMap(Mapping[K, V], Generic[K, V]):
    """Entries by key; in no particular order."""

    __slots__ = ("_count", "pages")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self.pages: tuple[Mapping[K, V], ...] = ({},) * PAGES
        self._count = 0
        if entries:
            changed = self.with_changes(entries)
            self.pages, self._count = changed.pages, len(changed)

    def __getitem__(self, key: K) -> V:
        return self.pages[hash(key) & MASK][key]

    def get(self, key: K, default: V | None = None, /) -> V | None:  # type: ignore[override]  # no other type of default is wanted
        """The entry, or ``default``; the inherited one raises and catches where there is none."""
        return self.pages[hash(key) & MASK].get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self.pages[hash(key) & MASK]

    def __iter__(self) -> Iterator[K]:
        for page in self.pages:
            yield from page

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Book of {self._count}>"

    def with_changes(self, changes: Mapping[K, V | None]) -> PersistentMap[K, V]:
        """The next version: each key gets its value, or goes if that is ``None``."""
        if not changes:
            return self
        fresh: dict[int, dict[K, V]] = {}
        for key, value in changes.items():
            at = hash(key) & MASK
            if at not in fresh:
                fresh[at] = dict(self.pages[at])
            if value is None:
                fresh[at].pop(key, None)
            else:
                fresh[at][key] = value
        return self._turned(fresh)

    def _turned(self, fresh: Mapping[int, dict[K, V]]) -> PersistentMap[K, V]:
        pages = list(self.pages)
        count = self._count
        for at, page in fresh.items():
            count += len(page) - len(pages[at])
            pages[at] = page
        book: PersistentMap[K, V] = PersistentMap()
        book.pages, book._count = tuple(pages), count
        return book

"""A rotation: whose turn it is to be looked at, one after the other, evenly spread. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")


class Rotation(Generic[K]):
    """Everybody once in each round; who is new comes last."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: OrderedDict[K, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: K) -> bool:
        """Have one take part; tells whether it is new."""
        new = key not in self._keys
        self._keys.setdefault(key, None)
        return new

    def remove(self, key: K) -> None:
        """Have one take part no more."""
        self._keys.pop(key, None)

    def next(self) -> K | None:
        """Whose turn it is; it is the last one from now on."""
        if not self._keys:
            return None
        key = next(iter(self._keys))
        self._keys.move_to_end(key)
        return key

    def gap(self, every: float) -> float:
        """Seconds between two turns, so that a round takes ``every``."""
        return every / max(1, len(self._keys))

"""Counters and histograms as plain numbers, independent of prometheus-client.

Not safe for threads by themselves; the exporter counts under its lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, product
from typing import Final

LABEL_SETS: Final = 200  # a name outside the program (a method, an error class) must not grow it
OTHER: Final = "other"


class Tally:
    """One counter for each combination of label values, up to ``limit`` combinations.

    What would be one more is counted with every label ``other``.

    Args:
        known: the values of each label that are known before; their combinations are there at 0,
            so that the first count of each is seen as an increase.
        limit: how many combinations are told apart.
    """

    __slots__ = ("_counts", "_limit")

    def __init__(self, *known: Iterable[str], limit: int = LABEL_SETS) -> None:
        self._counts: dict[tuple[str, ...], float] = {}
        if known:
            self._counts = dict.fromkeys(product(*known), 0)
        self._limit = limit

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count ``amount`` under these label values."""
        counts = self._counts
        if labels not in counts and len(counts) >= self._limit:
            labels = (OTHER,) * len(labels)
        counts[labels] = counts.get(labels, 0) + amount

    def rows(self) -> list[tuple[tuple[str, ...], float]]:
        """Label values and counts."""
        return list(self._counts.items())

    @property
    def total(self) -> float:
        """All combinations together."""
        return sum(self._counts.values())


class Bins:
    """How often a value was at most each of ``bounds``, and the sum of all values."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value; a negative one (clocks differ) counts as 0."""
        value = max(0.0, value)
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values there have been."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """``le`` and the number of values up to it, as Prometheus wants them."""
        bounds = [*map(_bound, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))


class LabelledBins:
    """One histogram for each value of one label, out of ``labels``."""

    __slots__ = ("_bins",)

    def __init__(self, bounds: Sequence[float], labels: Iterable[str]) -> None:
        self._bins = {label: Bins(bounds) for label in labels}

    def add(self, label: str, value: float) -> None:
        """Count one value under that label."""
        self._bins[label].add(value)

    def rows(self) -> Iterator[tuple[str, Bins]]:
        """Labels and their histograms."""
        yield from self._bins.items()


def _bound(value: float) -> str:
    return repr(float(value))

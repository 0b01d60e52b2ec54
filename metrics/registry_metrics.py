"""Metrics of the registry: sessions, operations, room left, ages.

Kinds of operations are named by apps; past a limit they are counted as ``other``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from prometheus_client.core import GaugeMetricFamily, Metric

from .counters import Tally
from .family_builders import gauge, gauges

OVERALL: Final = ("healthy", "warning", "critical")
KINDS: Final = 100  # combinations of kind and state that are told apart


class AgeNumbers(Protocol):
    """How old the operations are, in seconds; ``None`` if there are none."""

    @property
    def buckets(self) -> Mapping[str, int]: ...
    @property
    def average(self) -> float | None: ...
    @property
    def oldest(self) -> float | None: ...
    @property
    def newest(self) -> float | None: ...


class RegistryNumbers(Protocol):
    """A registry in numbers; ``RegistryStatistics`` are."""

    @property
    def sessions(self) -> Mapping[str, int]: ...
    @property
    def kinds(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def session_use(self) -> float: ...
    @property
    def operation_use(self) -> float: ...
    @property
    def pair_use(self) -> float: ...
    @property
    def ages(self) -> AgeNumbers: ...
    @property
    def stuck(self) -> tuple[int, ...]: ...
    @property
    def overall(self) -> str: ...


def families_of_registry(numbers: RegistryNumbers) -> Iterator[Metric]:
    """The registry as it was at the last look."""
    yield gauges(
        "registry_sessions", "Registered sessions by health.", "state", numbers.sessions.items()
    )
    yield _operations(numbers.kinds)
    yield gauges(
        "registry_use_ratio",
        "How much of its maximum is in use, 0 to 1, and more after a maximum was lowered.",
        "kind",
        (
            ("sessions", numbers.session_use),
            ("operations", numbers.operation_use),
            ("pairs", numbers.pair_use),
        ),
    )
    yield gauges(
        "registry_operations_by_age",
        "Kept operations by the hours since they began.",
        "kind",
        numbers.ages.buckets.items(),
    )
    yield gauges(
        "registry_operation_age_seconds",
        "Seconds since kept operations began: of the oldest, the newest, and on average.",
        "kind",
        (
            (name, age)
            for name, age in (
                ("oldest", numbers.ages.oldest),
                ("newest", numbers.ages.newest),
                ("average", numbers.ages.average),
            )
            if age is not None
        ),
    )
    yield gauge(
        "registry_operations_stuck",
        "Running operations that make no progress.",
        len(numbers.stuck),
    )
    yield gauges(
        "registry_health",
        "Overall health: 1 for what it is, 0 for what it is not.",
        "state",
        ((word, float(word == numbers.overall)) for word in OVERALL),
    )


def _operations(kinds: Mapping[tuple[str, str], int]) -> Metric:
    tally = Tally(limit=KINDS)
    for labels, count in sorted(kinds.items()):
        tally.add(*labels, amount=count)
    family = GaugeMetricFamily(
        "telewarden_registry_operations",
        "Kept operations by kind and state.",
        labels=("kind", "state"),
    )
    for values, amount in tally.rows():
        family.add_metric(values, amount)
    return family

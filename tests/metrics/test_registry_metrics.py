"""The registry's numbers, as a scrape shows them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from telewarden.actors import (
    Operation,
    OperationState,
    RegistryLimits,
    RegistrySnapshot,
    SessionEntry,
    SessionStatus,
    statistics,
)
from telewarden.actors.registry.persistent_map import PersistentMap
from telewarden.metrics import Exporter
from telewarden.storage import SessionRecord
from telewarden.telegram import Health
from telewarden.telegram.reports import Overview

pytestmark = pytest.mark.metrics

NOW = 1_000_000.0
HOUR = 3600.0


def entry(name: str, health: Health, *, pairs: int = 0) -> SessionEntry:
    record = SessionRecord(name=name, max_pairs=10)
    return SessionEntry(record=record, status=SessionStatus(health=health), pairs=pairs)


def operation(number: int, kind: str, state: OperationState, *, age: float = 0.0) -> Operation:
    began = NOW - age
    return Operation(id=number, kind=kind, state=state, started=began, updated=began)


def scraped(
    sessions: Iterable[SessionEntry] = (),
    operations: Iterable[Operation] = (),
    limits: RegistryLimits | None = None,
) -> Exporter:
    snapshot = RegistrySnapshot(
        sessions=PersistentMap({one.name: one for one in sessions}),
        operations=PersistentMap({one.id: one for one in operations}),
        limits=limits,
    )
    exporter = Exporter(wall=lambda: NOW)
    exporter.observe(Overview(sessions=(), groups=()), registry=statistics(snapshot, NOW))
    return exporter


def sample(exporter: Exporter, name: str, **labels: str) -> float | None:
    return exporter.registry.get_sample_value(f"telewarden_registry_{name}", labels)


def test_sessions_are_counted_by_each_of_the_six_words() -> None:
    exporter = scraped(
        [entry("a", Health.HEALTHY), entry("b", Health.HEALTHY), entry("c", Health.EXPIRED)]
    )

    counts = {word.value: sample(exporter, "sessions", state=word.value) for word in Health}

    assert counts == dict.fromkeys(counts, 0) | {"healthy": 2, "expired": 1}


def test_operations_are_counted_by_kind_and_state() -> None:
    exporter = scraped(
        operations=[
            operation(1, "backfill", OperationState.RUNNING),
            operation(2, "backfill", OperationState.RUNNING),
            operation(3, "backup", OperationState.FAILED),
        ]
    )

    assert sample(exporter, "operations", kind="backfill", state="running") == 2
    assert sample(exporter, "operations", kind="backup", state="failed") == 1
    assert sample(exporter, "operations", kind="backup", state="running") is None


def test_utilisation_is_a_ratio_of_each_maximum() -> None:
    exporter = scraped(
        [entry("a", Health.HEALTHY, pairs=5)],
        [operation(1, "move", OperationState.RUNNING)],
        RegistryLimits(max_sessions=4, max_operations=10),
    )

    ratios = [
        sample(exporter, "use_ratio", kind=what) for what in ("sessions", "operations", "pairs")
    ]

    assert ratios == [0.25, 0.1, 0.5]


def test_ages_are_shown_in_buckets_and_in_seconds() -> None:
    exporter = scraped(
        operations=[
            operation(1, "move", OperationState.RUNNING, age=2 * HOUR),
            operation(2, "move", OperationState.FINISHED, age=60.0),
        ]
    )

    assert sample(exporter, "operations_by_age", kind="1-6h") == 1
    assert sample(exporter, "operations_by_age", kind=">24h") == 0
    assert sample(exporter, "operation_age_seconds", kind="oldest") == 2 * HOUR
    assert sample(exporter, "operation_age_seconds", kind="newest") == 60.0
    assert sample(exporter, "operation_age_seconds", kind="average") == HOUR + 30.0
    assert sample(exporter, "operations_stuck") == 1
    assert sample(exporter, "health", state="warning") == 1
    assert sample(exporter, "health", state="healthy") == 0


def test_without_operations_there_is_no_age() -> None:
    exporter = scraped()

    assert sample(exporter, "operation_age_seconds", kind="oldest") is None
    assert sample(exporter, "health", state="healthy") == 1


def test_kinds_of_operations_stay_few_however_many_an_app_names() -> None:
    exporter = scraped(
        operations=[
            operation(number, f"kind-{number}", OperationState.RUNNING) for number in range(1, 1001)
        ]
    )

    (family,) = [one for one in exporter.collect() if one.name == "telewarden_registry_operations"]

    assert len(family.samples) == 101
    assert sample(exporter, "operations", kind="other", state="other") == 900

"""A scrape of ten thousand sessions, beside what one writes with prometheus-client alone.

All have ten series of each session. ``gauges`` are ten ``Gauge`` with a child for each session;
``collector`` makes ten ``GaugeMetricFamily`` of the same numbers at each scrape; both are written
by the library's ``generate_latest``. ``telewarden`` is the exporter's own writer with ten of its
families, of which three are ages and change for every session; of each tenth session everything has
changed since the last scrape. ``all changed`` is the same after a change of every session, ``by
state`` the whole exporter without series of sessions, when nothing or a tenth has changed.

What is there after the first scrape is set aside from the cyclic collector, as a warden does.
Measured: milliseconds of CPU time for a scrape, and p99 of what an ask in the same loop takes
meanwhile, as on a core of its own.

usage: python benchmarks/metrics_scrape.py [--reps 3] [--children 10000] [--only telewarden]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from side_by_side import Aim, Cases, Figures, main

from telewarden.metrics import Exporter, Storage
from telewarden.metrics.session_families import SESSION_FAMILIES
from telewarden.metrics.session_text import SessionText
from telewarden.storage import StoredFigures
from telewarden.supervision import ChildSpec, LoopActor, SupervisorSpec, Tree, ask_async
from telewarden.telegram import (
    FloodBegan,
    GroupReport,
    Health,
    Overview,
    PairReport,
    Phase,
    SessionReport,
)

cpu = time.process_time  # on a shared machine the clock on the wall tells of others, too
SCRAPES, SERIES = 7, 10
TEN = (
    "phase_since_timestamp_seconds",
    "restarts_left",
    "flood_deadline_timestamp_seconds",
    "update_age_seconds",
    "probe_duration_seconds",
    "outbox_waiting",
    "outbox_oldest_age_seconds",
    "login_codes_left",
    "backup_age_seconds",
    "key_latched",
)
"""Families with one series of each session; restarts left come from a tree, and are set here."""


class Echo(LoopActor):
    """Answers with what it is asked."""

    def on_receive(self, message: object) -> object:
        return message


def names(count: int) -> list[str]:
    return [f"session_{number}" for number in range(count)]


# The library's ways


def gauges(count: int) -> Callable[[], bytes]:
    registry = CollectorRegistry()
    for place in range(SERIES):
        gauge = Gauge(f"plain_{place}_seconds", "One of ten.", ["session"], registry=registry)
        for at, name in enumerate(names(count)):
            gauge.labels(name).set(at + 0.5)
    return partial(generate_latest, registry)


class Plain(Collector):
    """Ten families made at each scrape."""

    def __init__(self, count: int) -> None:
        self.numbers = {name: [at + 0.5] * SERIES for at, name in enumerate(names(count))}

    def collect(self) -> Any:
        for place in range(SERIES):
            family = GaugeMetricFamily(f"plain_{place}_seconds", "One of ten.", labels=["session"])
            for name, numbers in self.numbers.items():
                family.add_metric((name,), numbers[place])
            yield family


def collector(count: int) -> Callable[[], bytes]:
    registry = CollectorRegistry()
    registry.register(Plain(count))
    return partial(generate_latest, registry)


# Ours


def filled(count: int, **told: Any) -> Exporter:
    exporter = Exporter(wall=time.time, **told)
    at = time.time()
    sessions = tuple(
        SessionReport(
            session=name,
            phase=Phase.ONLINE,
            health=Health.HEALTHY,
            reason="",
            since=at,
            last_update=at - 3,
            probe_seconds=0.1,
        )
        for name in names(count)
    )
    pair = PairReport(
        id=1,
        source=1,
        target=2,
        mode="copy",
        waiting=3,
        delivered=0,
        repeated=0,
        dead=0,
        paused=None,
    )
    groups = tuple(
        GroupReport(session=one.session, group="g1", online=True, pairs=(pair,)) for one in sessions
    )
    exporter.observe(Overview(sessions=sessions, groups=groups))
    rows = [
        StoredFigures(name=one.session, backed_up=at - 99, waiting_since=at - 5) for one in sessions
    ]
    exporter.stored(rows, {}, Storage(free=1, size=1), codes_a_day=3)
    for figures in exporter._by_name():
        figures.note(restarts_left=5)
    return exporter


def ours(count: int, *, part: int) -> tuple[Exporter, Callable[[], None]]:
    """An exporter with ten families of sessions, and what changes one session in ``part``."""
    families = [one for one in SESSION_FAMILIES if one.name in TEN]
    exporter = filled(count, per_session=True)
    exporter._texts[False] = SessionText(open_metrics=False, families=families)
    return exporter, changing(exporter, count, part=part)


def changing(exporter: Exporter, count: int, *, part: int) -> Callable[[], None]:
    """What changes one session in ``part``."""
    begins = iter(range(10**9))

    def change() -> None:
        begin = next(begins)
        for name in names(count)[begin % part :: part]:
            flood = FloodBegan(
                session=name, at=1.0, method="m", seconds=1.0, until=time.time() + begin
            )
            exporter._hear(flood)

    return change


def scraped(exporter: Exporter, change: Callable[[], None]) -> Figures:
    """Median time of a scrape, and what an ask beside it waits."""
    lines = exporter.render()[0].count(b"\ntelewarden_session_")
    gc.freeze()
    took = []
    for _ in range(SCRAPES):
        change()
        begun = cpu()
        exporter.render()
        took.append((cpu() - begun) * 1e3)
    p99 = asyncio.run(_asks(exporter, change))
    return {"scrape_ms": statistics.median(took), "ask_p99_ms": p99, "series": float(lines)}


async def _asks(exporter: Exporter, change: Callable[[], None]) -> float:
    async with Tree(SupervisorSpec(children=(ChildSpec(id="echo", actor=Echo),))) as tree:
        ref, took = tree.ref("echo"), list[float]()
        for _ in range(SCRAPES):
            change()
            scrape = asyncio.create_task(exporter.render_async())
            while not scrape.done():
                begun = cpu()
                await ask_async(ref, 1, timeout=30.0)
                took.append((cpu() - begun) * 1e3)
        return statistics.quantiles(took, n=100)[98]


def plain(scrape: Callable[[], bytes]) -> Figures:
    scrape()
    gc.freeze()
    took = []
    for _ in range(SCRAPES):
        begun = cpu()
        body = scrape()
        took.append((cpu() - begun) * 1e3)
    return {"scrape_ms": statistics.median(took), "series": float(body.count(b"\nplain_"))}


def by_state(count: int, *, part: int | None = None) -> Figures:
    exporter = filled(count, per_session=False)
    return scraped(exporter, changing(exporter, count, part=part) if part else lambda: None)


def cases(arguments: argparse.Namespace) -> Cases:
    count = arguments.children
    return {
        "telewarden": lambda: scraped(*ours(count, part=10)),
        "all changed": lambda: scraped(*ours(count, part=1)),
        "by state": lambda: by_state(count),
        "by state, changed": lambda: by_state(count, part=10),
        "gauges": lambda: plain(gauges(count)),
        "collector": lambda: plain(collector(count)),
    }


AIMS = (
    Aim("telewarden", "scrape_ms", "<=", 0.12, beside="gauges"),
    Aim("telewarden", "scrape_ms", "<=", 0.2, beside="collector"),
    Aim("telewarden", "ask_p99_ms", "<=", 20.0),
    Aim("all changed", "ask_p99_ms", "<=", 20.0),
    Aim("by state", "scrape_ms", "<=", 10.0),
    Aim("by state, changed", "ask_p99_ms", "<=", 20.0),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS)

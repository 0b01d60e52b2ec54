"""The Prometheus exporter: counts events, keeps the newest sample, answers scrapes.

Owns the registry unless one is passed in. It asks nobody anything; a scrape only writes down what
has been counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .._version import __version__
from ..supervision import Event, EventStream, Snapshot, Subscription
from ..telegram.reports import Overview
from .activity_log import WORDS, Feed
from .event_counter import HEARD, Counts
from .families import families_of_counts, families_of_sample
from .floods import Flood
from .registry_metrics import RegistryNumbers, families_of_registry
from .sample import Sample, stand

LISTENED: Final = tuple({*HEARD, *WORDS})
FIRST: Final = frozenset({"start", "login"})  # coming online for the first time is no recovery


class JournalNumbers(Protocol):
    """What the journal has done since its incarnation started; ``latency`` in seconds."""

    @property
    def writes(self) -> int: ...
    @property
    def groups(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def latency(self) -> float: ...


class Exporter(Collector):
    """The metrics of one warden.

    Args:
        registry: where they go; by default a registry of its own, with the process's CPU, memory
            and descriptors beside them. A registry takes one exporter at a time.
        wall: reads the clock in epoch seconds.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.registry = registry or CollectorRegistry(auto_describe=False)
        self.feed = Feed()
        self._guest, self._registered = registry is not None, False
        self._wall = wall
        self._counts, self._sample = Counts(), Sample()
        self._numbers: RegistryNumbers | None = None
        self._journal: JournalNumbers | None = None
        self._subscription: Subscription | None = None
        # Facts come from the loop and from the journal's thread; the lock costs 0.1 us a fact.
        self._lock = threading.Lock()
        if not self._guest:
            ProcessCollector(registry=self.registry)
        self._register()

    # Being told

    def watch(self, events: EventStream) -> None:
        """Count what is published from now on; replaces the stream watched before."""
        self.close()
        self._register()
        self._subscription = events.subscribe(self._hear, LISTENED)

    def close(self) -> None:
        """Hear nothing more, and leave a registry that was passed in. ``watch`` begins anew."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        if self._guest and self._registered:
            self.registry.unregister(self)
            self._registered = False

    def observe(
        self,
        overview: Overview,
        tree: Snapshot | None = None,
        *,
        loop_lag: float = 0.0,
        registry: RegistryNumbers | None = None,
    ) -> None:
        """Keep the newest look at sessions and tree; gauges show it until the next one.

        Args:
            overview: how sessions and worker groups are.
            tree: how the supervisor tree is.
            loop_lag: seconds that the loop last took to get to a new task.
            registry: the registry in numbers.
        """
        self._numbers = registry
        self._sample = stand(overview, tree, now=self._wall(), loop_lag=loop_lag)

    def journal(self, stats: JournalNumbers) -> None:
        """Add what the journal did since it last told; called after each of its commits."""
        with self._lock:
            before, self._journal = self._journal, stats
            if before is not None and stats.groups < before.groups:
                before = None  # another incarnation, which counts from 0 again
            counts = self._counts
            counts.journal_writes += stats.writes - (before.writes if before else 0)
            counts.journal_commits += stats.groups - (before.groups if before else 0)
            counts.journal_failures += stats.failures - (before.failures if before else 0)
            counts.commit_seconds.add(stats.latency)

    def _hear(self, event: Event) -> None:
        with self._lock:
            self._counts.hear(event)
            if type(event) in WORDS:
                self.feed.hear(event, at=self._wall())

    # Being asked

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online were at the last look, and a sentence."""
        return self._sample.ready

    def floods(self) -> tuple[Flood, ...]:
        """The flood waits that are not over, the one that ends first at the front."""
        with self._lock:
            return self._counts.floods.ahead(self._wall())

    def counters(self) -> dict[str, float]:
        """The totals by name, labels summed up: for pages and summaries.

        A session that came online by a start or a login is no recovery here.
        """
        with self._lock:
            counts = self._counts
            return {
                "forwarded": counts.forwarded,
                "repeated": counts.repeated,
                "caught_up": counts.caught_up,
                "dead_letters": counts.dead_letters,
                "restarts": counts.restarts.total,
                "quarantines": counts.quarantines.total,
                "recoveries": sum(
                    n for (_, cause), n in counts.recoveries.rows() if cause not in FIRST
                ),
                "copies_repaired": counts.copies.total,
                "flood_waits": counts.flood_waits.total,
                "mailbox_drops": counts.drops.total,
                "abandoned": counts.abandoned,
                "loop_stalls": counts.loop_stalls,
                "waiting": self._sample.waiting,
            }

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The whole registry as a scrape's body and its content type.

        Args:
            accept: the scrape's Accept header; OpenMetrics if it asks for that.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' client library asks for at each scrape."""
        with self._lock:
            families = [*families_of_counts(self._counts, now=self._wall())]
        yield from families
        yield from families_of_sample(self._sample)
        if self._numbers is not None:
            yield from families_of_registry(self._numbers)
        yield InfoMetricFamily(
            "telewarden_build", "Which release this is.", value={"version": __version__}
        )

    def describe(self) -> Iterator[Metric]:
        """The names alone, so that registering twice is refused before anything is counted."""
        return self.collect()

    def _register(self) -> None:
        if not self._registered:
            self.registry.register(self)
            self._registered = True

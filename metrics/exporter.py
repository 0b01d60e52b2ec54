"""The Prometheus exporter: counts events, keeps the newest sample, answers scrapes.

Owns the registry unless one is passed in. It asks nobody anything; a scrape only writes down what
has been counted. Two levels: by state and reason always, and by session, where each session has
series of its own; those are written by ``session_text``.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .._version import __version__
from ..supervision import Event, EventStream, Snapshot, Subscription
from ..telegram import Phase
from ..telegram.reports import Overview
from .activity_log import WORDS, ActivityLog
from .day import Day, Totals
from .event_counter import HEARD, OUTCOMES_OUT, SHARED_RESULTS, Counts
from .families import (
    Storage,
    families_of_counts,
    families_of_sample,
    families_of_sessions,
    families_of_storage,
)
from .floods import Flood
from .registry_metrics import RegistryNumbers, families_of_registry
from .sample import Sample, stand
from .session_families import SESSION_FAMILIES
from .session_figures import FIRST, LeaseOwner, SessionBook, SessionFigures, StoredFigures
from .session_figures import HEARD as HEARD_OF_SESSIONS
from .session_sums import BlockSums, SessionSums
from .session_text import SessionText

LISTENED: Final = tuple({*HEARD, *HEARD_OF_SESSIONS, *WORDS})
SHOWN_UP_TO: Final = 1_000  # sessions; each has some forty series
SLICE: Final = 0.001  # seconds that a scrape takes the loop for at once
OPEN_METRICS: Final = "application/openmetrics-text"
ESCAPING: Final = re.compile(r";\s*escaping=[^;,]*")
END: Final = "# EOF\n"
DONE: Final = object()  # a look is at its end

_beside: ContextVar[SessionSums | None] = ContextVar("telewarden_sessions_beside", default=None)
"""Set while each session's families are written beside the registry, by ``session_text``."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an exporter knows now; ``sessions`` go on changing."""

    sessions: tuple[SessionFigures, ...]
    sample: Sample
    storage: Storage | None


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
        per_session: bool | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.registry = registry or CollectorRegistry(auto_describe=False)
        self.feed, self.day = ActivityLog(), Day()
        self._guest, self._registered = registry is not None, False
        self._wall, self._created = wall, wall()
        self.per_session = per_session
        """Whether series of each session are shown; ``None``: while there are not too many."""
        self._counts, self._sample = Counts(), Sample()
        self._sessions, self._sums = SessionBook(wall), BlockSums()
        self._texts: dict[bool, SessionText] = {}
        self._storage: Storage | None = None
        self._numbers: RegistryNumbers | None = None
        self._journal: JournalNumbers | None = None
        self._subscription: Subscription | None = None
        # Facts come from the loop and from the journal's thread; the lock costs 0.1 us a fact.
        self._lock = threading.Lock()
        self._observing = asyncio.Lock()
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
        registered: Collection[str] | None = None,
    ) -> None:
        """Keep the newest look at sessions and tree; gauges show it until the next one.

        Args:
            overview: how sessions and worker groups are.
            tree: how the supervisor tree is.
            loop_lag: seconds that the loop last took to get to a new task.
            registry: the registry in numbers.
            registered: the names of all sessions; by default those that report.
        """
        with self._lock:
            for _ in self._observed(overview, tree, loop_lag, registry, registered):
                pass

    async def observe_async(
        self,
        overview: Overview,
        tree: Snapshot | None = None,
        *,
        loop_lag: float = 0.0,
        registry: RegistryNumbers | None = None,
        registered: Collection[str] | None = None,
    ) -> None:
        """The same, in slices of a millisecond between which the loop does other work."""
        async with self._observing:  # of two looks the later one is the newest
            await self._in_slices(self._observed(overview, tree, loop_lag, registry, registered))

    async def _in_slices(self, steps: Iterator[None]) -> None:
        while True:
            until = time.perf_counter() + SLICE
            with self._lock:  # facts come from the journal's thread, too
                while (going_on := next(steps, DONE)) is None and time.perf_counter() < until:
                    pass
            if going_on is DONE:
                return
            await asyncio.sleep(0)

    def _observed(
        self,
        overview: Overview,
        tree: Snapshot | None,
        loop_lag: float,
        registry: RegistryNumbers | None,
        registered: Collection[str] | None,
    ) -> Iterator[None]:
        self._numbers, now = registry, self._wall()
        yield from self._sessions.reported(
            overview.sessions, overview.groups, tree, registered=registered
        )
        yield from self._sums_of(self._sessions.all()).refresh()  # the next scrape finds it done
        self._sample = yield from stand(overview, tree, now=now, loop_lag=loop_lag)
        self.day.look(self._sample.at, self._totals(overview))

    def stored(
        self,
        sessions: Iterable[StoredFigures],
        leases: Mapping[str, LeaseOwner],
        storage: Storage,
        *,
        codes_a_day: int,
    ) -> None:
        """Keep the newest look at what is stored.

        Args:
            sessions: what the database knows of each.
            leases: which process owns whose key.
            storage: the disk.
            codes_a_day: login codes that may be asked for in a day.
        """
        with self._lock:
            for _ in self._sessions.stored(sessions, leases, codes_a_day=codes_a_day):
                pass
        self._storage = storage

    async def stored_async(
        self,
        sessions: Iterable[StoredFigures],
        leases: Mapping[str, LeaseOwner],
        storage: Storage,
        *,
        codes_a_day: int,
    ) -> None:
        """The same, in slices of a millisecond between which the loop does other work."""
        await self._in_slices(self._sessions.stored(sessions, leases, codes_a_day=codes_a_day))
        self._storage = storage

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
            self._sessions.hear(event)
            if type(event) in WORDS:
                self.feed.hear(event, at=self._wall())

    def notification(self, channel: str, outcome: str, *, amount: int = 1) -> None:
        """Count messages out by a channel: ``sent``, ``failed`` or ``dropped``."""
        with self._lock:
            self._counts.notifications.add(channel, outcome, amount=amount)

    def shared_request(self, program: str, result: str) -> None:
        """Count a program's request: ``ok``, ``refused``, ``flood``, ``error`` or ``failed``."""
        with self._lock:
            counts = self._counts
            if program not in counts.programs:
                counts.programs.add(program)
                for each in SHARED_RESULTS:  # at 0 before the first, so that it is an increase
                    counts.shared_requests.add(program, each, amount=0)
            counts.shared_requests.add(program, result)

    def notifications_waiting(self, waiting: Mapping[str, int]) -> None:
        """Keep how many messages wait for each channel."""
        with self._lock:
            known = self._counts
            known.notifications_waiting = dict(waiting)
            for channel in waiting:  # at 0 before the first, so that it is seen as an increase
                for outcome in OUTCOMES_OUT:
                    known.notifications.add(channel, outcome, amount=0)

    # Being asked

    def look(self) -> Look:
        """The figures of every session and the newest look at all of them; asks nobody."""
        return Look(sessions=tuple(self._by_name()), sample=self._sample, storage=self._storage)

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
        pieces, content_type = self._pieces(accept)
        return "".join(pieces).encode(), content_type

    async def render_async(self, accept: str = "") -> tuple[bytes, str]:
        """The same, in slices of a millisecond between which the loop does other work."""
        pieces, content_type = self._pieces(accept)
        body, until = bytearray(), time.perf_counter() + SLICE
        for piece in pieces:
            body += piece.encode()
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        return bytes(body), content_type

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' client library asks for at each scrape."""
        now, sessions, sums = self._wall(), self._by_name(), _beside.get()
        beside = sums is not None
        with self._lock:
            families = [*families_of_counts(self._counts, now=now, created=self._created)]
        yield from families
        yield from families_of_sessions(
            sums or SessionSums.of(sessions), shown=self._are_shown(sessions), now=now
        )
        yield from families_of_sample(self._sample)
        if self._storage is not None:
            yield from families_of_storage(self._storage, now=now)
        if self._numbers is not None:
            yield from families_of_registry(self._numbers)
        yield InfoMetricFamily(
            "telewarden_build", "Which release this is.", value={"version": __version__}
        )
        if self._are_shown(sessions) and not beside:
            with self._lock:
                yield from [family.metric(sessions, now=now) for family in SESSION_FAMILIES]

    def describe(self) -> Iterator[Metric]:
        """The names alone, so that registering twice is refused before anything is counted."""
        return self.collect()

    def _register(self) -> None:
        if not self._registered:
            self.registry.register(self)
            self._registered = True

    def _totals(self, overview: Overview) -> Totals:
        counts, lag = self._counts, self._counts.lag_seconds
        return Totals(
            online=sum(one.phase is Phase.ONLINE for one in overview.sessions),
            sessions=len(overview.sessions),
            outbox=self._sample.waiting,
            restarts=counts.restarts.total,
            forwarded=counts.forwarded,
            dead=counts.dead_letters,
            lag=lag.sum,
            lags=lag.count,
        )

    def _by_name(self) -> list[SessionFigures]:
        with self._lock:
            return self._sessions.all()

    def _sums_of(self, sessions: list[SessionFigures]) -> BlockSums:
        if self._sums.sessions is not sessions:  # somebody came or went
            self._sums = BlockSums(sessions)
        return self._sums

    def _are_shown(self, sessions: Collection[SessionFigures]) -> bool:
        if self.per_session is None:
            return len(sessions) <= SHOWN_UP_TO
        return self.per_session

    def _pieces(self, accept: str) -> tuple[Iterator[str], str]:
        # Names are plain, so there is nothing to escape. A scrape that asks for another way all
        # the same would get names that HELP does not have.
        encode, content_type = choose_encoder(ESCAPING.sub("", accept))
        return self._written(encode, content_type.startswith(OPEN_METRICS)), content_type

    def _written(
        self, encode: Callable[[CollectorRegistry], bytes], open_metrics: bool
    ) -> Iterator[str]:
        sessions = self._by_name()
        sums = self._sums_of(sessions)
        for _ in sums.refresh():
            yield ""
        beside = _beside.set(sums.total())
        try:
            text = encode(self.registry).decode()
        finally:
            _beside.reset(beside)
        yield text.removesuffix(END)
        now = self._wall()
        if self._are_shown(sessions):
            writer = self._texts.setdefault(open_metrics, SessionText(open_metrics=open_metrics))
            slices = writer.slices(sessions, now=now)
            while True:
                with self._lock:  # facts come from the journal's thread, too
                    piece = next(slices, None)
                if piece is None:
                    break
                yield piece
        if open_metrics:
            yield END

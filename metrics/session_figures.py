"""The figures of each session, kept current by events, reports and what is stored.

Moments are kept, not ages: an age is true when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..supervision import ChildRestarting, ChildState, Event, Snapshot
from ..telegram import NoticeKind, Phase
from ..telegram.account_facts import AccountFacts
from ..telegram.reports import GroupReport, SessionReport
from ..telegram.session_events import (
    FloodBegan,
    FloodEnded,
    FloodRemembered,
    Forwarded,
    Noticed,
    PhaseChanged,
    Probed,
    SessionRecovered,
)
from .labels import RUNGS, cause_class, kind_of, session_of

STEP: Final = 50  # sessions or groups that are looked at between two steps; a tenth of a ms
FIRST: Final = frozenset({"start", "login"})  # coming online for the first time is no recovery
FOREIGN: Final = frozenset(
    {
        NoticeKind.NEW_AUTHORIZATION,
        NoticeKind.UNCONFIRMED_AUTHORIZATION,
        NoticeKind.NEW_BOT_CONNECTION,
    }
)
"""Notices that tell of somebody else at the account."""
PARTS: Final = ("session", "group")
LEASE_STATES: Final[tuple[str, ...]] = ("held", "elsewhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOwner:
    """Who owns a session's key: this process (``held``), or another (``elsewhere``)."""

    state: str
    pid: int
    host: str


class StoredFigures(Protocol):
    """What the database knows of a session; times in epoch seconds."""

    @property
    def name(self) -> str: ...
    @property
    def backed_up(self) -> float | None: ...
    @property
    def codes(self) -> int: ...
    @property
    def latched(self) -> bool: ...
    @property
    def waiting_since(self) -> float | None: ...


@dataclass(slots=True)
class SessionFigures:
    """One session in numbers; times in epoch seconds, durations in seconds.

    ``version`` counts the changes, so that what was written of it is known to be current.
    """

    name: str
    created: float
    version: int = 0
    phase: Phase = Phase.REGISTERED
    since: float = 0.0
    reason: str = ""  # no series shows it, so that it is no change of version
    restarts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    recoveries: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RUNGS, 0))
    floods: dict[str, float] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)
    last_update: float | None = None
    probe_seconds: float | None = None
    lags: int = 0
    lag_sum: float = 0.0
    waiting: int = 0
    waiting_since: float | None = None
    restarts_left: int | None = None
    codes_left: int | None = None
    backed_up: float | None = None
    latched: bool = False
    lease: LeaseOwner | None = None
    deaf: int = 0
    foreign_logins: int = 0
    account: AccountFacts | None = None

    def note(self, **found: Any) -> None:
        """Keep what was found, and count a change if it is one."""
        changed = False
        for name, value in found.items():
            if getattr(self, name) != value:
                setattr(self, name, value)
                changed = True
        self.version += changed

    def see(
        self, report: SessionReport | None, *, waiting: int, deaf: int, restarts_left: int | None
    ) -> None:
        """Keep what a look found; ten thousand of them are in the loop's way together."""
        if (self.waiting, self.deaf, self.restarts_left) != (waiting, deaf, restarts_left):
            self.waiting, self.deaf, self.restarts_left = waiting, deaf, restarts_left
            self.version += 1
        if report is None:
            return
        if self.account is not report.account:
            self.account = report.account
            self.version += 1
        if self.phase is not report.phase or self.since != report.since:
            self.stand(report.phase, report.since)
        if report.since >= self.since:  # else an event has said something newer
            self.reason = report.reason
        if self.last_update != report.last_update or self.probe_seconds != report.probe_seconds:
            self.last_update, self.probe_seconds = report.last_update, report.probe_seconds
            self.version += 1
        if report.waits or self.waits:
            oldest = dict[str, float]()
            for wait in report.waits:
                oldest[wait.kind.value] = min(wait.since, oldest.get(wait.kind.value, wait.since))
            self.note(waits=oldest)

    def stand(self, phase: Phase, since: float) -> None:
        """Keep a phase, unless a newer one is known."""
        if since >= self.since:
            self.note(phase=phase, since=since)


class SessionBook:
    """All sessions in numbers. Not safe for threads by itself.

    Args:
        wall: reads the clock in epoch seconds.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._sessions: dict[str, SessionFigures] = {}
        self._in_order: list[SessionFigures] | None = None
        self._reported: frozenset[str] = frozenset()

    def all(self) -> list[SessionFigures]:
        """Every session, by name."""
        if self._in_order is None:
            self._in_order = [self._sessions[name] for name in sorted(self._sessions)]
        return self._in_order

    def of(self, name: str) -> SessionFigures:
        """One session's figures, at 0 from the first time that it is heard of."""
        figures = self._sessions.get(name)
        if figures is None:
            figures = self._sessions[name] = SessionFigures(name, self._wall())
            self._in_order = None
        return figures

    def hear(self, event: Event) -> None:
        """Note one fact; what is not in ``HEARD`` is not noted."""
        note = HEARD.get(type(event))
        if note is not None:
            note(self, event)

    def reported(
        self,
        sessions: Iterable[SessionReport],
        groups: Iterable[GroupReport],
        tree: Snapshot | None,
        *,
        registered: Collection[str] | None,
    ) -> Iterator[None]:
        """Note how all sessions are; those that are not registered any more are forgotten.

        It is done when the iterator is at its end; between two steps others may do something.

        Args:
            sessions, groups: what they report.
            tree: how the supervisor tree is.
            registered: the names there are; by default those that report.
        """
        reports = {one.session: one for one in sessions}
        known = frozenset(reports if registered is None else registered)
        for gone in self._reported - known:
            if self._sessions.pop(gone, None) is not None:
                self._in_order = None
        self._reported = known
        waiting, deaf = Counter[str](), Counter[str]()
        for number, group in enumerate(groups):
            if number % STEP == 0:
                yield
            waiting[group.session] += sum(pair.waiting for pair in group.pairs)
            deaf[group.session] += sum(pair.deaf_since is not None for pair in group.pairs)
        left, down = yield from _found_in(tree)
        for number, name in enumerate(known):
            if number % STEP == 0:
                yield
            figures, report = self.of(name), reports.get(name)
            figures.see(
                report, waiting=waiting[name], deaf=deaf[name], restarts_left=left.get(name)
            )
            if name in down:  # it cannot say so itself
                figures.note(phase=Phase.QUARANTINED)

    def stored(
        self,
        rows: Iterable[StoredFigures],
        leases: Mapping[str, LeaseOwner],
        *,
        codes_a_day: int,
    ) -> Iterator[None]:
        """Note what the database and the leases say of the sessions that are known, in steps."""
        for number, row in enumerate(rows):
            if number % STEP == 0:
                yield
            if row.name in self._sessions:
                self._sessions[row.name].note(
                    backed_up=row.backed_up,
                    codes_left=max(0, codes_a_day - row.codes),
                    latched=row.latched,
                    waiting_since=row.waiting_since,
                    lease=leases.get(row.name),
                )


def _found_in(
    tree: Snapshot | None,
) -> Generator[None, None, tuple[dict[str, int], set[str]]]:
    """The restarts that are left to each session, where they are fewest; and who is kept down."""
    left, down = dict[str, int](), set[str]()
    for part in () if tree is None else tree.children:
        for number, place in enumerate(part.children):
            if number % STEP == 0:
                yield
            name = session_of(place.id)
            if name is None:
                continue
            if place.state is ChildState.QUARANTINED:
                down.add(name)
            counts = [count for one in place.walk() if (count := one.restarts_left) is not None]
            if counts:
                left[name] = min(counts)
    return left, down


def _restarting(book: SessionBook, event: ChildRestarting) -> None:
    name, kind = session_of(event.child), kind_of(event.child)
    if name is None:
        return
    figures = book.of(name)
    figures.restarts[kind if kind in PARTS else "session"] += 1
    figures.version += 1


def _phase_changed(book: SessionBook, event: PhaseChanged) -> None:
    figures = book.of(event.session)
    if event.at >= figures.since:
        figures.reason = event.reason
    figures.stand(event.after, event.at)


def _recovered(book: SessionBook, event: SessionRecovered) -> None:
    if cause_class(event.cause) in FIRST or event.rung not in RUNGS:
        return
    figures = book.of(event.session)
    figures.recoveries[event.rung] += 1
    figures.version += 1


def _flooded(book: SessionBook, event: FloodBegan | FloodRemembered) -> None:
    figures = book.of(event.session)
    figures.floods[event.method] = event.until
    figures.version += 1


def _flood_over(book: SessionBook, event: FloodEnded) -> None:
    figures = book.of(event.session)
    figures.floods.pop(event.method, None)
    figures.version += 1


def _forwarded(book: SessionBook, event: Forwarded) -> None:
    figures = book.of(event.session)
    figures.lags += 1
    figures.lag_sum += max(0.0, event.lag)  # clocks differ
    figures.version += 1


def _probed(book: SessionBook, event: Probed) -> None:
    heard = None if event.update_age is None else event.at - event.update_age
    book.of(event.session).note(probe_seconds=event.seconds, last_update=heard)


def _noticed(book: SessionBook, event: Noticed) -> None:
    if event.kind in FOREIGN:
        figures = book.of(event.session)
        figures.foreign_logins += 1
        figures.version += 1


HEARD: Final[Mapping[type[Event], Callable[[SessionBook, Any], None]]] = {
    ChildRestarting: _restarting,
    PhaseChanged: _phase_changed,
    SessionRecovered: _recovered,
    FloodBegan: _flooded,
    FloodRemembered: _flooded,
    FloodEnded: _flood_over,
    Forwarded: _forwarded,
    Probed: _probed,
    Noticed: _noticed,
}

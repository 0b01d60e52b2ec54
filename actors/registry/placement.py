"""Placement of pairs: which session is best for one more, which cannot serve it. Pure.

First those that are online and not told to wait, then by priority (1 first), then by how much of
their room is free, then by name: the same question has the same answer twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING

from ...errors import InvalidRecordError, NoSessionFitsError
from ...telegram import Health
from ...telegram.addressing.names import ME
from .model import SessionEntry

if TYPE_CHECKING:
    from ...storage import PairRecord
    from ...telegram import Access, SessionReport  # with it comes Telethon

CHANNELS = -1_000_000_000_000  # marked ids from here down are channels'
OWN_NUMBERS = (
    "its source is a basic group or a person, where each account has numbers of its own for the"
    " messages; make the group a supergroup, or remove the pair and add it for the other session"
)
OWN_PLACE = (
    '"me" is another chat for each account; remove the pair and add it for the other session'
)
HARMLESS = frozenset({Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One session that was looked at; ``reason`` is why it stands where it does, in words."""

    name: str
    fits: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The session to take, why, and all that were looked at, best first."""

    name: str
    reason: str
    candidates: tuple[Candidate, ...]


def best_session(
    entries: Iterable[SessionEntry],
    *,
    now: float,
    exclude: Collection[str] = (),
    only_healthy: bool = True,
) -> Placement:
    """Choose the session for one more pair.

    Args:
        entries: the sessions there are.
        now: epoch seconds; a session that has to wait until later comes last.
        exclude: names that are out of the question.
        only_healthy: take none that is not online; otherwise one that may come back will do.

    Raises:
        NoSessionFitsError: none can take it, and why.
        InvalidRecordError: ``exclude`` is no collection of names; a text would be one of letters.
    """
    if isinstance(exclude, str | bytes) or not isinstance(exclude, Collection):
        raise InvalidRecordError("exclude", exclude, "a collection of names, such as {'alice'}")
    ranked = sorted(
        (_judged(entry, now, only_healthy) for entry in entries if entry.name not in exclude),
        key=lambda one: one[0],
    )
    candidates = tuple(candidate for _, candidate in ranked)
    if not candidates or not candidates[0].fits:
        raise NoSessionFitsError(tuple(f"{one.name}: {one.reason}" for one in candidates))
    return Placement(name=candidates[0].name, reason=candidates[0].reason, candidates=candidates)


def assign_pairs(
    pairs: Iterable[int],
    entries: Iterable[SessionEntry],
    *,
    now: float,
    unfit: Collection[tuple[int, str]] = frozenset(),
) -> dict[int, str]:
    """Find a session for each pair, one after the other, all or none.

    ``unfit`` are pairs with sessions that may not serve them; those pairs that have the fewest left
    choose first.

    Raises:
        NoSessionFitsError: there is not room for all of them.
    """
    barred = Counter(pair for pair, _ in unfit)
    wanted = sorted(pairs, key=lambda pair: -barred[pair])
    if not wanted:
        return {}
    # Each pair changes the rank of one session only; to sort thousands anew for each took seconds.
    heap = [(_rank(entry, now, only_healthy=False), entry) for entry in entries]
    heapify(heap)
    places: dict[int, str] = {}
    for pair in wanted:
        passed = []
        while barred[pair] and heap and (pair, heap[0][1].name) in unfit:
            passed.append(heappop(heap))
        if not heap or not _fits(heap[0][0]):
            raise NoSessionFitsError(_reasons((entry for _, entry in (*passed, *heap)), now))
        entry = heap[0][1]
        places[pair] = entry.name
        fuller = replace(entry, pairs=entry.pairs + 1)
        heapreplace(heap, (_rank(fuller, now, only_healthy=False), fuller))
        for one in passed:
            heappush(heap, one)
    return places


def _reasons(entries: Iterable[SessionEntry], now: float) -> tuple[str, ...]:
    judged = sorted(
        (_judged(entry, now, only_healthy=False) for entry in entries), key=lambda one: one[0]
    )
    return tuple(f"{one.name}: {one.reason}" for _, one in judged)


def chats_of(records: Iterable[PairRecord]) -> tuple[int, ...]:
    """The chats that a session must be able to work in for these pairs."""
    return tuple(sorted({chat for one in records for chat in (one.source, one.target) if chat}))


def in_flood(reports: Mapping[str, SessionReport], now: float) -> tuple[str, ...]:
    """Why pairs of these sessions stay where they are: Telegram has told one to wait."""
    return tuple(
        f"session {name} has to wait until {_clock(report.until)};"
        " pairs are not moved around a flood"
        for name, report in reports.items()
        if report.until is not None and report.until > now
    )


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def strangers(
    records: Iterable[PairRecord], rights: Mapping[int, Access], session: str
) -> tuple[str, ...]:
    """Why a session cannot serve these pairs, as far as its rights in their chats tell."""
    problems = []
    for record in records:
        source, target = rights.get(record.source), rights.get(record.target)
        if record.source > CHANNELS:
            problems.append(f"pair {record.id}: {OWN_NUMBERS}")
        if ME in (record.source_name, record.target_name):
            problems.append(f"pair {record.id}: {OWN_PLACE}")
        if source is None or not source.read:
            problems.append(f"pair {record.id}: {session} is not in its source")
        elif source.protected:
            problems.append(f"pair {record.id}: its source protects its content")
        if record.target and (target is None or not target.write):
            problems.append(f"pair {record.id}: {session} may not write in its target")
    return tuple(problems)


Rank = tuple[bool, bool, bool, int, float, str]


def _judged(entry: SessionEntry, now: float, only_healthy: bool) -> tuple[Rank, Candidate]:
    rank = _rank(entry, now, only_healthy)
    waits = _waits(entry, now)
    reason = _reason(entry, now if waits else None)
    return rank, Candidate(name=entry.name, fits=_fits(rank), reason=reason)


def _rank(entry: SessionEntry, now: float, only_healthy: bool) -> Rank:
    healthy = entry.health is Health.HEALTHY
    usable = healthy or (not only_healthy and entry.health in HARMLESS)
    fits = usable and entry.free > 0
    used = entry.pairs / entry.max_pairs
    return (not fits, not healthy, _waits(entry, now), entry.priority, used, entry.name)


def _fits(rank: Rank) -> bool:
    return not rank[0]


def _waits(entry: SessionEntry, now: float) -> bool:
    until = entry.status.until
    return until is not None and until > now


def _reason(entry: SessionEntry, now: float | None) -> str:
    words = [entry.health.value, f"priority {entry.priority}"]
    words.append(f"{entry.pairs} of {entry.max_pairs} pairs" if entry.free else "full")
    if now is not None and entry.status.until is not None:
        words.append(f"told to wait for {entry.status.until - now:.0f} s more")
    return ", ".join(words)

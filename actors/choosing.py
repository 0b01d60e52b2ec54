"""Which session is best for one more pair, and why. Pure.

First those that are online and not told to wait, then by priority (1 first), then by how much of
their room is free, then by name: the same question has the same answer twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..errors import NoSessionFitsError
from ..telegram import Health
from .entries import SessionEntry

__all__ = ["Candidate", "Choice", "best_session", "places_for"]

HARMLESS = frozenset({Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One session that was looked at; ``reason`` is why it stands where it does, in words."""

    name: str
    fits: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
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
) -> Choice:
    """Choose the session for one more pair.

    Args:
        entries: the sessions there are.
        now: epoch seconds; a session that has to wait until later comes last.
        exclude: names that are out of the question.
        only_healthy: take none that is not online; otherwise one that may come back will do.

    Raises:
        NoSessionFitsError: none can take it, and why.
    """
    ranked = sorted(
        (_judged(entry, now, only_healthy) for entry in entries if entry.name not in exclude),
        key=lambda one: one[0],
    )
    candidates = tuple(candidate for _, candidate in ranked)
    if not candidates or not candidates[0].fits:
        raise NoSessionFitsError(tuple(f"{one.name}: {one.reason}" for one in candidates))
    return Choice(name=candidates[0].name, reason=candidates[0].reason, candidates=candidates)


def places_for(
    pairs: Iterable[int], entries: Iterable[SessionEntry], *, now: float
) -> dict[int, str]:
    """Find a session for each pair, one after the other, all or none.

    Raises:
        NoSessionFitsError: there is not room for all of them.
    """
    left = {entry.name: entry for entry in entries}
    taken: dict[str, int] = {}
    places: dict[int, str] = {}
    for pair in pairs:
        room = [_with_more(entry, taken.get(entry.name, 0)) for entry in left.values()]
        places[pair] = name = best_session(room, now=now, only_healthy=False).name
        taken[name] = taken.get(name, 0) + 1
    return places


def _with_more(entry: SessionEntry, pairs: int) -> SessionEntry:
    if not pairs:
        return entry
    return SessionEntry(record=entry.record, standing=entry.standing, pairs=entry.pairs + pairs)


Rank = tuple[bool, bool, bool, int, float, str]


def _judged(entry: SessionEntry, now: float, only_healthy: bool) -> tuple[Rank, Candidate]:
    until = entry.standing.until
    waits = until is not None and until > now
    healthy = entry.health is Health.HEALTHY
    usable = healthy or (not only_healthy and entry.health in HARMLESS)
    fits = usable and entry.free > 0
    used = entry.pairs / entry.max_pairs
    rank = (not fits, not healthy, waits, entry.priority, used, entry.name)
    reason = _reason(entry, now if waits else None)
    return rank, Candidate(name=entry.name, fits=fits, reason=reason)


def _reason(entry: SessionEntry, now: float | None) -> str:
    words = [entry.health.value, f"priority {entry.priority}"]
    words.append(f"{entry.pairs} of {entry.max_pairs} pairs" if entry.free else "full")
    if now is not None and entry.standing.until is not None:
        words.append(f"told to wait for {entry.standing.until - now:.0f} s more")
    return ", ".join(words)

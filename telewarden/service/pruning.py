"""Retention periods and the plan of a pruning sweep. Pure but for the store.

Owns how long each kind of row stays. A sweep removes one kind; each piece of it is one write, done
in the journal's thread, and says which piece follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..config import Config
from ..storage import Store

ROWS: Final = 1_000  # in one piece; it takes the journal a few milliseconds
SESSIONS: Final = 50  # whose entities are counted in one piece
# Floods that are over and login codes that are not counted any more: for two days, so that a clock
# that was ahead for a while has not taken away what still counts.
SPENT_KEPT: Final = 2 * 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Piece:
    """So many rows went; ``next`` is the piece that follows, ``None`` when there is none."""

    removed: int
    next: Work | None


Work = Callable[[Store], Piece]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Removes the rows of ``table`` whose time is over, beginning with the piece ``begin``."""

    table: str
    begin: Work


def sweeps_of(config: Config, now: float) -> tuple[Sweep, ...]:
    """What is to be removed at ``now`` (epoch seconds), as the configuration wants it."""
    storage, spent = config.storage, now - SPENT_KEPT
    crashed = now - config.supervision.crashes_kept
    sweeps = [
        Sweep("crashes", _oldest(lambda store: store.prune_crashes(crashed, limit=ROWS))),
        Sweep("login_codes", _oldest(lambda store: store.prune_login_codes(spent, limit=ROWS))),
        Sweep("floods", _oldest(lambda store: store.clear_expired(spent, limit=ROWS))),
        Sweep("entities", _entities()),
    ]
    if storage.keep_audit:
        noted = now - storage.keep_audit
        sweeps.append(Sweep("audit", _oldest(lambda store: store.prune_audit(noted, limit=ROWS))))
    if storage.keep_delivered:
        sweeps.append(Sweep("outbox", _delivered(now - storage.keep_delivered)))
    return tuple(sweeps)


def _oldest(prune: Callable[[Store], int]) -> Work:
    """The oldest rows first, until none of them is old enough."""

    def piece(store: Store) -> Piece:
        removed = prune(store)
        return Piece(removed, piece if removed else None)

    return piece


def _delivered(before: float, after: tuple[float, int] | None = None) -> Work:
    def piece(store: Store) -> Piece:
        done = store.prune_outbox(before, limit=ROWS, after=after)
        following = None if done.reached is None else _delivered(before, done.reached)
        return Piece(done.removed, following)

    return piece


def _entities(after: str = "") -> Work:
    """Session by session; one with more than a piece may remove is looked at again."""

    def piece(store: Store) -> Piece:
        removed, reached = 0, after
        names = store.entity_owners(after, limit=SESSIONS)
        for name in names:
            removed += store.prune_entities(name, limit=ROWS - removed)
            if removed >= ROWS:
                break
            reached = name
        return Piece(removed, _entities(reached) if names else None)

    return piece

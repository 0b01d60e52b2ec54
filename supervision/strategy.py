"""Which children a failure concerns, and what a failed attempt to restart them means (S10, S11).

Pure: ids in, ids out, always in start order. Stopping goes through them backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Retry", "Strategy", "concerned", "retry"]


class Strategy(Enum):
    """Who is restarted when one child fails."""

    ONE_FOR_ONE = "one_for_one"
    """The failed child alone."""
    ONE_FOR_ALL = "one_for_all"
    """All children."""
    REST_FOR_ONE = "rest_for_one"
    """The failed child and those started after it."""


def concerned(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """The children to stop (backwards) and start again (forwards) after ``failed`` ended."""
    if strategy is Strategy.ONE_FOR_ONE:
        return (failed,)
    if strategy is Strategy.ONE_FOR_ALL:
        return tuple(ids)
    return tuple(ids[list(ids).index(failed) :])


@dataclass(frozen=True, slots=True)
class Retry:
    """What to do after a start inside a restart failed: stop these, then start those."""

    stop: tuple[str, ...]
    start: tuple[str, ...]


def retry(strategy: Strategy, ids: Sequence[str], failed: str) -> Retry:
    """Plan the next attempt after ``failed``, one of ``ids``, could not be started.

    one_for_all takes down what this attempt had started; rest_for_one keeps it and goes on at the
    child that failed.
    """
    at = list(ids).index(failed)
    if strategy is Strategy.ONE_FOR_ALL:
        return Retry(stop=tuple(ids[:at]), start=tuple(ids))
    return Retry(stop=(), start=tuple(ids[at:]))

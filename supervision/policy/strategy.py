"""The strategies: which children are restarted when one fails (S10, S11).

Pure: ids in, ids out, always in start order. Stopping goes through them backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Strategy(Enum):
    """Who is restarted when one child fails."""

    ONE_FOR_ONE = "one_for_one"
    """The failed child alone."""
    ONE_FOR_ALL = "one_for_all"
    """All children."""
    REST_FOR_ONE = "rest_for_one"
    """The failed child and those started after it."""


def affected(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """The children to stop (backwards) and start again (forwards) after ``failed`` ended."""
    if strategy is Strategy.ONE_FOR_ONE:
        return (failed,)
    if strategy is Strategy.ONE_FOR_ALL:
        return tuple(ids)
    return tuple(ids[list(ids).index(failed) :])

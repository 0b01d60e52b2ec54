"""Messages on one pair, from an operator or app by way of its session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from ...supervision import Ask
from ...telegram import PairReport

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOrder(Ask[R]):
    """For one pair, from an operator or an app; ``order`` is answered by the pair's group."""

    pair: int
    order: Ask[R]


@dataclass(frozen=True, slots=True)
class PausePair(Ask[PairReport]):
    """Do nothing more, or until then (epoch seconds). Answered with the pair's report."""

    pair: int
    reason: str = "paused by hand"
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ResumePair(Ask[PairReport]):
    """Go on; what was said meanwhile is read from history. Answered with the pair's report."""

    pair: int


@dataclass(frozen=True, slots=True)
class ConfirmPair(Ask[tuple[int, int] | None]):
    """Stay with the chats that the pair has; with ``take`` go on with those its names mean now.

    Answered with the chats that it has, ``None`` where they were never found.
    """

    pair: int
    take: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(Ask[PairReport]):
    """Send what was said in the past, too. Answered with the pair's report.

    Args:
        after: from the message behind this one; or
        since: from the first message at or after this time, epoch seconds.
    """

    pair: int
    after: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class RetryDead(Ask[int]):
    """Send dead letters again, all of them or these. Answered with their number."""

    pair: int
    source_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DropDead(Ask[int]):
    """Forget dead letters, all of them or these. Answered with their number."""

    pair: int
    source_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasePair(Ask[Any]):
    """Finish what is on its way, then let the pair go. Answered with its plan.

    Raises ``PairBusyError`` when that did not come to an end within ``within`` seconds, and
    ``PairInDoubtError`` where it never will; the pair then goes on as before. With
    ``accept_doubt`` it is let go even so.
    """

    pair: int
    within: float = 10.0
    accept_doubt: bool = False


@dataclass(frozen=True, slots=True)
class DoubtAsked(Ask[int]):
    """What of the pair cannot be known? Answered with the number of messages.

    Those are meant that may have arrived unseen while its account cannot be asked.
    """

    pair: int

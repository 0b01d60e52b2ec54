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
class PairCommand(Ask[R]):
    """For the pair of that number; answered by its worker group."""

    pair: int


@dataclass(frozen=True, slots=True)
class PausePair(PairCommand[PairReport]):
    """Do nothing more, or until then (epoch seconds). Answered with the pair's report."""

    reason: str = "paused by hand"
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ResumePair(PairCommand[PairReport]):
    """Go on; what was said meanwhile is read from history. Answered with the pair's report."""


@dataclass(frozen=True, slots=True)
class ConfirmPair(PairCommand[tuple[int, int] | None]):
    """Stay with the chats that the pair has; with ``take`` go on with those its names mean now.

    Answered with the chats that it has, ``None`` where they were never found.
    """

    take: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(PairCommand[PairReport]):
    """Send what was said in the past, too. Answered with the pair's report.

    Args:
        after: from the message behind this one; or
        since: from the first message at or after this time, epoch seconds.
    """

    after: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class RetryDead(PairCommand[int]):
    """Send dead letters again, all of them or these. Answered with their number."""

    source_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DropDead(PairCommand[int]):
    """Forget dead letters, all of them or these. Answered with their number."""

    source_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasePair(PairCommand[Any]):
    """Finish what is on its way, then let the pair go. Answered with its plan.

    Raises ``PairBusyError`` when that did not come to an end within ``within`` seconds, and
    ``PairInDoubtError`` where it never will; the pair then goes on as before. With
    ``accept_doubt`` it is let go even so. Where the account's login has ``ended``, which its
    session says, nothing is waited for.
    """

    within: float = 10.0
    accept_doubt: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class DoubtAsked(PairCommand[int]):
    """What of the pair cannot be known? Answered with the number of messages.

    Those are meant that may have arrived unseen while its account cannot be asked.
    """


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read this pair's source again; a worker group tells itself. No answer."""

    pair: int

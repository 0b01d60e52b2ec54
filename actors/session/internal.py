"""Internal messages of a session actor: results of started work, and timers."""

from __future__ import annotations

from dataclasses import dataclass

from ...supervision import Answer
from ...telegram import ClientEvent, Verdict


@dataclass(frozen=True, slots=True)
class Heard:
    """The client of that generation told something."""

    generation: int
    event: ClientEvent


@dataclass(frozen=True, slots=True)
class Flush:
    """Write down what the client's session has learnt."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Another login has taken this one's place."""

    cause: str


@dataclass(frozen=True, slots=True)
class LookAtGroups:
    """See which worker groups are kept down."""


@dataclass(frozen=True, slots=True)
class GroupsSeen:
    """These worker groups are kept down."""

    down: frozenset[str]


@dataclass(frozen=True, slots=True)
class LoginRequested:
    """Somebody asked for a login while the copies were being tried."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class LookAtAccount:
    """Read the facts about the account."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """A request was refused in a way that the facts about the account may explain."""

    verdict: Verdict

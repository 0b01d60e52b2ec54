"""Internal messages of a session actor: results of started work, and timers."""

from __future__ import annotations

from dataclasses import dataclass

from ...supervision import Answer
from ...telegram import Told
from .login.steps import Step
from .maintenance import Done
from .recovery import RecoveryResult


@dataclass(frozen=True, slots=True)
class Heard:
    """The client of that generation told something."""

    generation: int
    told: Told


@dataclass(frozen=True, slots=True)
class RecoveryDone:
    result: RecoveryResult


@dataclass(frozen=True, slots=True)
class RecoveryFailed:
    error: BaseException
    key_id: int | None  # of the copy that was tried last


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
class LoginDone:
    answer: Answer
    step: Step | None
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class MaintenanceDone:
    """A step of care ended; ``given_up`` says that the client was, for it."""

    answer: Answer
    done: Done | None
    error: BaseException | None
    given_up: bool = False

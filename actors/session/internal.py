"""Internal messages of a session actor: results of started work, and timers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pykka

from ...supervision import Answer
from ...telegram import Told
from .login import Step
from .maintenance import Done
from .recovery import Climb


@dataclass(frozen=True, slots=True)
class Heard:
    """The client of that generation told something."""

    generation: int
    told: Told


@dataclass(frozen=True, slots=True)
class GroupStarted:
    group: str


@dataclass(frozen=True, slots=True)
class GroupEnded:
    """A group without pairs has been stopped."""

    group: str


@dataclass(frozen=True, slots=True)
class Climbed:
    climb: Climb


@dataclass(frozen=True, slots=True)
class ClimbFailed:
    error: BaseException
    key_id: int | None  # of the copy that was tried last


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    seconds: float


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    error: BaseException


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
class PassOn:
    """Pass an answer on."""

    to: pykka.ActorRef[Any]
    answer: object


@dataclass(frozen=True, slots=True)
class Replied:
    answer: Answer
    result: object = field(repr=False)
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class LoginWanted:
    """Somebody asked for a login while the copies were being tried."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class RightsUnknown:
    """A look at what the account may do failed."""


@dataclass(frozen=True, slots=True)
class LoginWent:
    answer: Answer
    step: Step | None
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class CareWent:
    """A step of care ended; ``given_up`` says that the client was, for it."""

    answer: Answer
    done: Done | None
    error: BaseException | None
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class KeyEnded:
    """The key that a renewal replaced is ended at Telegram, or why not."""

    error: BaseException | None = None


def settle(message: Replied) -> None:
    if message.error is None:
        message.answer.set(message.result)
    else:
        message.answer.fail(message.error)

"""Internal messages of the registry: results of work that it started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pykka

from ...supervision import Answer
from .messages import Deletion


@dataclass(frozen=True, slots=True)
class Ready:
    """What was there has been read: the sessions can start."""

    incarnation: int


@dataclass(frozen=True, slots=True)
class Started:
    """A session's subtree runs; ``ref`` is its actor if it ran already."""

    session: str
    ref: pykka.ActorRef[Any] | None


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A session's subtree could not be started."""

    session: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Written:
    """The group of changes under way is on disk."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Nothing of a group was kept, or it is not known whether it was."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class StoppedFor:
    """A session that is to be deleted has stopped, or would not."""

    deletion: Deletion
    answer: Answer
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Read:
    """A question to the database has been answered, or could not be."""

    answer: Answer
    rows: object = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell who asked."""
        if self.error is None:
            self.answer.set(self.rows)
        else:
            self.answer.fail(self.error)


@dataclass(frozen=True, slots=True)
class Tidy:
    """Time to look for what has expired or is stuck."""

"""How a group of changes is tried: each in its turn, each refused alone. Pure.

The table says which function does which change; what is absent cannot be asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import TelewardenError
from ..supervision import Answer
from . import declaring, operations
from .draft import Draft
from .following import Followed, follow
from .registry_messages import (
    AdvanceOperation,
    BeginOperation,
    ChangeMany,
    ChangeSession,
    CleanOperations,
    DeclareSessions,
    DeleteSession,
    Deletion,
    EndOperation,
    PutPart,
    ReconfigureRegistry,
    RegisterSession,
    RegistryWrite,
    SetParts,
)

__all__ = ["APPLY", "Interrupt", "Outcome", "Refusal", "Request", "try_all"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(RegistryWrite):
    """The process is a new one: nothing that was under way still is. No answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(RegistryWrite):
    """A deletion was refused, or its session would not stop; answered with the error."""

    name: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Request:
    """A change and where its answer goes, if anybody waits for one."""

    write: RegistryWrite
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change comes to, once it is on disk."""

    answer: Answer | None
    result: object = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell whoever asked."""
        if self.answer is None or self.answer.done:
            return
        if self.error is None:
            self.answer.set(self.result)
        else:
            self.answer.fail(self.error)


def _refuse(_: Draft, message: Refusal) -> None:
    raise message.error


APPLY: Mapping[type[RegistryWrite], Callable[[Draft, Any], object]] = {
    RegisterSession: declaring.register,
    DeclareSessions: declaring.declare,
    ChangeSession: declaring.change,
    ChangeMany: declaring.change_many,
    Deletion: declaring.delete,
    Refusal: _refuse,
    BeginOperation: operations.begin,
    AdvanceOperation: operations.advance,
    PutPart: operations.put_part,
    SetParts: operations.set_parts,
    EndOperation: operations.end,
    CleanOperations: operations.clean,
    ReconfigureRegistry: operations.reconfigure,
    Interrupt: lambda draft, message: operations.interrupt(draft, message.who),
    Followed: follow,
}

# What the audit trail calls a refused change, and what it was about. Progress is not audited.
REFUSED: Final[Mapping[type[RegistryWrite], Callable[[Any], tuple[str, str]]]] = {
    RegisterSession: lambda write: ("register", write.name),
    ChangeSession: lambda write: ("change", write.name),
    DeleteSession: lambda write: ("delete", write.name),
    Refusal: lambda write: ("delete", write.name),
    BeginOperation: lambda write: ("begin", f"operation {write.kind}"),
    EndOperation: lambda write: ("end", f"operation {write.id}"),
    ReconfigureRegistry: lambda _: ("reconfigure", "registry"),
}


def try_all(draft: Draft, requests: Iterable[Request]) -> list[Outcome]:
    """Try the changes in order; one that is refused leaves the others alone."""
    return [_try(draft, request) for request in requests]


def _try(draft: Draft, request: Request) -> Outcome:
    write = request.write
    apply = APPLY[type(write)]
    try:
        return Outcome(request.answer, apply(draft, write))
    except TelewardenError as error:
        told = REFUSED.get(type(write))
        if told is not None:
            draft.note(write.who, *told(write), outcome=f"refused: {error}")
        return Outcome(request.answer, error=error)
    except Exception as error:
        if request.answer is None:
            logger.exception("change failed and nobody waits for it")
        return Outcome(request.answer, error=error)

"""Application of a group of changes: in order, each refused alone. Pure.

The table says which function does which change; what is absent cannot be asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ....errors import TelewardenError
from ....storage import SessionRecord
from ....supervision import Answer
from .. import messages
from . import operations, pairs, sessions
from .operation_tracker import OperationObserved, observe
from .redeclare import SUBJECT, redeclare
from .transaction import Transaction

logger = logging.getLogger(__name__)

OWN: Final = "configuration"  # who declares what the configuration says
WARDEN: Final = "warden"  # who ends what a process that is gone had under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(messages.RegistryWrite):
    """The process is a new one: nothing that was under way still is. No answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(messages.RegistryWrite):
    """A deletion was refused, or its session would not stop; answered with the error."""

    name: str
    error: BaseException


class Request(Answer):
    """A change, what came of it so far, and the answer to whoever asked for it, in one."""

    __slots__ = ("error", "result", "write")

    def __init__(self, write: messages.RegistryWrite) -> None:
        super().__init__()
        self.write = write
        self.result: object = None
        self.error: BaseException | None = None

    def settle(self, error: BaseException | None = None) -> None:
        """Tell whoever asked what came of it, or that it was ``error`` after all."""
        error = error or self.error
        if self.done:
            return
        if error is not None and not isinstance(error, TelewardenError) and not self.awaited:
            logger.error("change failed and nobody waits for it", exc_info=error)
        if error is None:
            self.set(self.result)
        else:
            self.fail(error)


def _refuse(_: Transaction, message: Refusal) -> None:
    raise message.error


APPLY: Mapping[type[messages.RegistryWrite], Callable[[Transaction, Any], object]] = {
    messages.RegisterSession: sessions.register,
    messages.DeclareSessions: sessions.declare,
    messages.ChangeSession: sessions.change,
    messages.ChangeMany: sessions.change_many,
    messages.Deletion: sessions.delete,
    Refusal: _refuse,
    messages.BeginOperation: operations.begin,
    messages.AdvanceOperation: operations.advance,
    messages.PutPart: operations.put_part,
    messages.SetParts: operations.set_parts,
    messages.EndOperation: operations.end,
    messages.RemoveOperation: operations.remove,
    messages.CleanOperations: operations.clean,
    messages.ReconfigureRegistry: operations.reconfigure,
    messages.Redeclare: redeclare,
    Interrupt: lambda transaction, message: operations.interrupt(transaction, message.who),
    OperationObserved: observe,
    pairs.AddPair: pairs.add,
    pairs.ChangePair: pairs.change,
    pairs.MovePairs: pairs.move,
    pairs.RemovePair: pairs.remove,
}

# What the audit trail calls a refused change, and what it was about. Progress is not audited.
REFUSED: Final[Mapping[type[messages.RegistryWrite], Callable[[Any], tuple[str, str]]]] = {
    messages.RegisterSession: lambda write: ("register", write.name),
    messages.ChangeSession: lambda write: ("change", write.name),
    messages.DeleteSession: lambda write: ("delete", write.name),
    Refusal: lambda write: ("delete", write.name),
    messages.BeginOperation: lambda write: ("begin", f"operation {write.kind}"),
    messages.EndOperation: lambda write: ("end", f"operation {write.id}"),
    messages.RemoveOperation: lambda write: ("clean", f"operation {write.id}"),
    messages.CleanOperations: lambda _: ("clean", "operations"),
    messages.ReconfigureRegistry: lambda _: ("reconfigure", "registry"),
    messages.Redeclare: lambda _: ("reload", SUBJECT),
    pairs.AddPair: lambda write: ("add pair", f"pair {write.plan.id or '(new)'}"),
    pairs.ChangePair: lambda write: ("change pair", f"pair {write.before.id}"),
    pairs.MovePairs: lambda write: ("reassign", write.to),
    pairs.RemovePair: lambda write: ("remove pair", f"pair {write.pair}"),
}


def attempt(transaction: Transaction, request: Request) -> None:
    """Try a change on the transaction; one that is refused leaves it as it was."""
    write = request.write
    request.error = None
    try:
        request.result = APPLY[type(write)](transaction, write)
    except TelewardenError as error:
        audited = REFUSED.get(type(write))
        if audited is not None:
            transaction.note(write.who, *audited(write), outcome=f"refused: {error}")
        request.error = error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the asker's answer
        audited = REFUSED.get(type(write))
        if audited is not None:
            transaction.note(write.who, *audited(write), outcome=f"failed: {type(error).__name__}")
        request.error = error


def first_changes(declared: Iterable[SessionRecord]) -> tuple[Request, ...]:
    """At a warden's start: what ran before has failed, and what the configuration says holds."""
    return (
        Request(Interrupt(who=WARDEN)),
        Request(messages.DeclareSessions(records=tuple(declared), who=OWN)),
    )

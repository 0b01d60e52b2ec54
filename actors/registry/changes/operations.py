"""Begin, advance, end and removal of operations, on a transaction. Pure.

Room is made by what has expired, then by what is over, oldest first; an operation that is under
way is never put out for another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from ....errors import (
    InvalidRecordError,
    OperationEndedError,
    OperationRunningError,
    RegistryFullError,
    UnknownFieldError,
)
from ....storage import Operation, OperationState, Part
from .. import messages
from ..events import (
    LimitsChanged,
    OperationEnded,
    OperationProgressed,
    OperationRemoved,
    OperationStarted,
)
from ..model import RegistryLimits
from .transaction import Transaction

KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LIMIT_FIELDS: Final = tuple(sorted(RegistryLimits.__dataclass_fields__))
SHARE: Final = 100  # of a full registry, a hundredth is made free at once: the search costs a scan


def begin(transaction: Transaction, message: messages.BeginOperation) -> Operation:
    """Begin an operation, making room for it if need be."""
    if not isinstance(message.kind, str) or not KIND.fullmatch(message.kind):  # type: ignore[redundant-expr]  # whatever is given
        raise InvalidRecordError("kind", message.kind, "1 to 32 of a-z, 0-9, _ and -")
    if message.session is not None:
        transaction.session(message.session)
    steps = _whole("steps", message.steps, least=1)
    parts = _numbered(message.parts)
    description = _text("description", message.description)
    _make_room(transaction, message.who)
    operation = Operation(
        id=transaction.last_id + 1,
        kind=message.kind,
        session=message.session,
        steps=steps,
        description=description,
        parts=parts,
        who=message.who,
        started=transaction.now,
        updated=transaction.now,
    )
    transaction.put_operation(operation)
    transaction.note(message.who, "begin", subject(operation), None, {"kind": message.kind})
    transaction.events.append(OperationStarted(at=transaction.now, operation=operation))
    return operation


def advance(transaction: Transaction, message: messages.AdvanceOperation) -> Operation:
    """Let an operation have come further, or describe itself otherwise."""
    operation = _active(transaction, message.id)
    steps = operation.steps if message.steps is None else _whole("steps", message.steps, least=1)
    step = operation.step if message.step is None else _whole("step", message.step, least=0)
    if step > steps:
        raise InvalidRecordError("step", step, f"0 to {steps}, the number of steps")
    description = operation.description
    if message.description is not None:
        description = _text("description", message.description)
    return _progressed(
        transaction, replace(operation, step=step, steps=steps, description=description)
    )


def put_part(transaction: Transaction, message: messages.PutPart) -> Operation:
    """Add a part, or replace the one of that number."""
    operation = _active(transaction, message.id)
    number = _whole("number", message.number, least=1)
    part = Part(number, _text("text", message.text))
    others = [one for one in operation.parts if one.number != number]
    parts = tuple(sorted((*others, part), key=lambda one: one.number))
    return _progressed(transaction, replace(operation, parts=parts))


def set_parts(transaction: Transaction, message: messages.SetParts) -> Operation:
    """Replace all parts."""
    operation = _active(transaction, message.id)
    return _progressed(transaction, replace(operation, parts=_numbered(message.parts)))


def end(transaction: Transaction, message: messages.EndOperation) -> Operation:
    """End an operation; a finished one has taken all its steps."""
    operation = _active(transaction, message.id)
    state = OperationState(message.state)
    if state is OperationState.RUNNING:
        raise InvalidRecordError("state", state.value, "finished, failed or cancelled")
    error = _text("error", message.error)
    description = operation.description
    if message.description is not None:
        description = _text("description", message.description)
    finished = state is OperationState.FINISHED
    return _ended(
        transaction,
        replace(
            operation,
            state=state,
            step=operation.steps if finished else operation.step,
            description=description,
            error=error,
        ),
        message.who,
    )


def interrupt(transaction: Transaction, who: str) -> None:
    """End what a process that is gone had under way."""
    for operation in tuple(transaction.operations()):
        if operation.active:
            error = "the process ended before it did"
            _ended(transaction, replace(operation, state=OperationState.FAILED, error=error), who)


def remove(transaction: Transaction, message: messages.RemoveOperation) -> Operation:
    """Forget one operation; not while it is under way."""
    operation = transaction.operation(message.id)
    if operation.active:
        raise OperationRunningError(operation.id)
    _remove(transaction, operation)
    before = {"kind": operation.kind, "state": operation.state.value}
    transaction.note(message.who, "clean", subject(operation), before, None)
    return operation


def clean(transaction: Transaction, message: messages.CleanOperations) -> tuple[int, ...]:
    """Forget operations; none that is under way, unless its time is over."""
    wanted = CLEANED.get(message.what) if isinstance(message.what, str) else None  # type: ignore[redundant-expr]  # as above
    if wanted is None:
        raise InvalidRecordError("what", message.what, ", ".join(CLEANED))
    going = [one for one in transaction.operations() if wanted(one, transaction)]
    removed = tuple(sorted(_remove(transaction, operation) for operation in going))
    if removed:
        transaction.note(message.who, "clean", f"operations {message.what}", None, list(removed))
    return removed


def reconfigure(
    transaction: Transaction, message: messages.ReconfigureRegistry
) -> messages.Limited:
    """Set limits, and let follow what follows: a lower maximum cleans up."""
    unknown = tuple(sorted(key for key in message.fields if key not in LIMIT_FIELDS))
    if unknown:
        raise UnknownFieldError(unknown, LIMIT_FIELDS)
    before = transaction.limits
    removed = set_limits(transaction, message.fields)
    after = transaction.limits
    changed = sorted(key for key in message.fields if getattr(before, key) != getattr(after, key))
    if not changed:
        return _limited(transaction, ())
    followed = {"removed": sorted(removed)} if removed else {}
    transaction.note(
        message.who,
        "reconfigure",
        "registry",
        {key: getattr(before, key) for key in changed},
        {key: getattr(after, key) for key in changed} | followed,
    )
    return _limited(transaction, removed)


def set_limits(transaction: Transaction, fields: Mapping[str, Any]) -> list[int]:
    """Set limits, and return the operations that had to go for them."""
    before = transaction.limits
    after = replace(before, **fields)
    if after == before:
        return []
    transaction.limits = after
    removed = [_remove(transaction, one) for one in _expired(transaction)]
    removed += _shrink(transaction, after.max_operations)
    transaction.events.append(LimitsChanged(at=transaction.now, before=before, after=after))
    return removed


def _limited(transaction: Transaction, removed: Iterable[int]) -> messages.Limited:
    limits = transaction.limits
    return messages.Limited(
        limits=limits,
        removed=tuple(sorted(removed)),
        operations_over=max(0, transaction.operation_count - limits.max_operations),
        sessions_over=max(0, transaction.session_count - limits.max_sessions),
    )


def subject(operation: Operation) -> str:
    """What the audit trail calls an operation."""
    return f"operation {operation.id}"


CLEANED: Final[Mapping[messages.What, Callable[[Operation, Transaction], bool]]] = {
    "expired": lambda one, transaction: transaction.limits.expired(one, transaction.now),
    "finished": lambda one, _: one.state in {OperationState.FINISHED, OperationState.CANCELLED},
    "failed": lambda one, _: one.state is OperationState.FAILED,
    "all": lambda one, _: not one.active,
}


def _active(transaction: Transaction, id_: int) -> Operation:
    operation = transaction.operation(id_)
    if not operation.active:
        raise OperationEndedError(id_, operation.state.value)
    return operation


def _progressed(transaction: Transaction, operation: Operation) -> Operation:
    operation = replace(operation, updated=transaction.now)
    transaction.put_operation(operation)
    transaction.events.append(OperationProgressed(at=transaction.now, operation=operation))
    return operation


def _ended(transaction: Transaction, operation: Operation, who: str) -> Operation:
    operation = replace(operation, updated=transaction.now, ended=transaction.now)
    transaction.put_operation(operation)
    after = {"state": operation.state.value, "error": operation.error}
    transaction.note(who, "end", subject(operation), {"state": "running"}, after)
    transaction.events.append(OperationEnded(at=transaction.now, operation=operation))
    return operation


def _make_room(transaction: Transaction, who: str) -> None:
    limit = transaction.limits.max_operations
    if transaction.operation_count < limit:
        return
    running = sum(1 for one in transaction.operations() if one.active)
    stale = sum(1 for one in _expired(transaction) if one.active)
    if running - stale >= limit:  # refused before anything is forgotten
        raise RegistryFullError("operations", limit)
    removed = [_remove(transaction, one) for one in _expired(transaction)]
    if transaction.operation_count >= limit:
        removed += _shrink(transaction, limit - 1 - limit // SHARE)
    transaction.note(who, "clean", "operations for room", None, sorted(removed))


def _expired(transaction: Transaction) -> list[Operation]:
    return [
        one for one in transaction.operations() if transaction.limits.expired(one, transaction.now)
    ]


def _shrink(transaction: Transaction, to: int) -> list[int]:
    """Forget what is over, oldest first, until there are ``to`` or only running ones."""
    over = transaction.operation_count - to
    if over <= 0:
        return []
    ended = sorted(
        (one for one in transaction.operations() if not one.active), key=lambda one: one.id
    )
    return [_remove(transaction, operation) for operation in ended[:over]]


def _remove(transaction: Transaction, operation: Operation) -> int:
    transaction.drop_operation(operation.id)
    transaction.events.append(OperationRemoved(at=transaction.now, operation=operation))
    return operation.id


def _numbered(texts: tuple[Any, ...]) -> tuple[Part, ...]:
    return tuple(Part(at, _text("parts", text)) for at, text in enumerate(texts, start=1))


def _whole(field: str, value: object, *, least: int) -> int:
    if type(value) is not int or not least <= value < 1 << 53:
        raise InvalidRecordError(field, value, f"a whole number from {least}")
    return value


def _text(field: str, value: object) -> str:
    """Text as SQLite and a page can hold it."""
    if not isinstance(value, str):
        raise InvalidRecordError(field, type(value).__name__, "text")
    return value.replace("\x00", "").encode(errors="replace").decode()

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
    RegistryFullError,
    UnknownFieldError,
)
from ..events import (
    LimitsChanged,
    OperationEnded,
    OperationProgressed,
    OperationRemoved,
    OperationStarted,
)
from ..messages import (
    AdvanceOperation,
    BeginOperation,
    CleanOperations,
    EndOperation,
    Limited,
    PutPart,
    ReconfigureRegistry,
    SetParts,
    What,
)
from ..model import Operation, OperationState, Part, RegistryLimits
from .transaction import Transaction

KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LIMIT_FIELDS: Final = tuple(sorted(RegistryLimits.__dataclass_fields__))
SHARE: Final = 100  # of a full registry, a hundredth is made free at once: the search costs a scan


def begin(draft: Transaction, message: BeginOperation) -> Operation:
    """Begin an operation, making room for it if need be."""
    if not isinstance(message.kind, str) or not KIND.fullmatch(message.kind):  # type: ignore[redundant-expr]  # whatever is given
        raise InvalidRecordError("kind", message.kind, "1 to 32 of a-z, 0-9, _ and -")
    if message.session is not None:
        draft.session(message.session)
    steps = _whole("steps", message.steps, least=1)
    parts = _numbered(message.parts)
    description = _text("description", message.description)
    _make_room(draft, message.who)
    operation = Operation(
        id=draft.last_id + 1,
        kind=message.kind,
        session=message.session,
        steps=steps,
        description=description,
        parts=parts,
        who=message.who,
        started=draft.now,
        updated=draft.now,
    )
    draft.put_operation(operation)
    draft.note(message.who, "begin", subject(operation), None, {"kind": message.kind})
    draft.events.append(OperationStarted(at=draft.now, operation=operation))
    return operation


def advance(draft: Transaction, message: AdvanceOperation) -> Operation:
    """Let an operation have come further, or describe itself otherwise."""
    operation = _active(draft, message.id)
    steps = operation.steps if message.steps is None else _whole("steps", message.steps, least=1)
    step = operation.step if message.step is None else _whole("step", message.step, least=0)
    if step > steps:
        raise InvalidRecordError("step", step, f"0 to {steps}, the number of steps")
    description = operation.description
    if message.description is not None:
        description = _text("description", message.description)
    return _progressed(draft, replace(operation, step=step, steps=steps, description=description))


def put_part(draft: Transaction, message: PutPart) -> Operation:
    """Add a part, or replace the one of that number."""
    operation = _active(draft, message.id)
    number = _whole("number", message.number, least=1)
    part = Part(number, _text("text", message.text))
    others = [one for one in operation.parts if one.number != number]
    parts = tuple(sorted((*others, part), key=lambda one: one.number))
    return _progressed(draft, replace(operation, parts=parts))


def set_parts(draft: Transaction, message: SetParts) -> Operation:
    """Replace all parts."""
    operation = _active(draft, message.id)
    return _progressed(draft, replace(operation, parts=_numbered(message.parts)))


def end(draft: Transaction, message: EndOperation) -> Operation:
    """End an operation; a finished one has taken all its steps."""
    operation = _active(draft, message.id)
    state = OperationState(message.state)
    if state is OperationState.RUNNING:
        raise InvalidRecordError("state", state.value, "finished, failed or cancelled")
    error = _text("error", message.error)
    description = operation.description
    if message.description is not None:
        description = _text("description", message.description)
    finished = state is OperationState.FINISHED
    return _ended(
        draft,
        replace(
            operation,
            state=state,
            step=operation.steps if finished else operation.step,
            description=description,
            error=error,
        ),
        message.who,
    )


def interrupt(draft: Transaction, who: str) -> None:
    """End what a process that is gone had under way."""
    for operation in tuple(draft.operations()):
        if operation.active:
            error = "the process ended before it did"
            _ended(draft, replace(operation, state=OperationState.FAILED, error=error), who)


def clean(draft: Transaction, message: CleanOperations) -> tuple[int, ...]:
    """Forget operations; none that is under way, unless its time is over."""
    wanted = CLEANED.get(message.what) if isinstance(message.what, str) else None  # type: ignore[redundant-expr]  # as above
    if wanted is None:
        raise InvalidRecordError("what", message.what, ", ".join(CLEANED))
    going = [one for one in draft.operations() if wanted(one, draft)]
    removed = tuple(sorted(_remove(draft, operation) for operation in going))
    if removed:
        draft.note(message.who, "clean", f"operations {message.what}", None, list(removed))
    return removed


def reconfigure(draft: Transaction, message: ReconfigureRegistry) -> Limited:
    """Set limits, and let follow what follows: a lower maximum cleans up."""
    unknown = tuple(sorted(key for key in message.fields if key not in LIMIT_FIELDS))
    if unknown:
        raise UnknownFieldError(unknown, LIMIT_FIELDS)
    before, after = draft.limits, replace(draft.limits, **message.fields)
    changed = sorted(key for key in message.fields if getattr(before, key) != getattr(after, key))
    if not changed:
        return _limited(draft, ())
    draft.limits = after
    removed = [_remove(draft, one) for one in _expired(draft)]
    removed += _shrink(draft, after.max_operations)
    followed = {"removed": sorted(removed)} if removed else {}
    draft.note(
        message.who,
        "reconfigure",
        "registry",
        {key: getattr(before, key) for key in changed},
        {key: getattr(after, key) for key in changed} | followed,
    )
    draft.events.append(LimitsChanged(at=draft.now, before=before, after=after))
    return _limited(draft, removed)


def _limited(draft: Transaction, removed: Iterable[int]) -> Limited:
    limits = draft.limits
    return Limited(
        limits=limits,
        removed=tuple(sorted(removed)),
        operations_over=max(0, draft.operation_count - limits.max_operations),
        sessions_over=max(0, draft.session_count - limits.max_sessions),
    )


def subject(operation: Operation) -> str:
    """What the audit trail calls an operation."""
    return f"operation {operation.id}"


CLEANED: Final[Mapping[What, Callable[[Operation, Transaction], bool]]] = {
    "expired": lambda one, draft: draft.limits.expired(one, draft.now),
    "finished": lambda one, _: one.state in {OperationState.FINISHED, OperationState.CANCELLED},
    "failed": lambda one, _: one.state is OperationState.FAILED,
    "all": lambda one, _: not one.active,
}


def _active(draft: Transaction, id_: int) -> Operation:
    operation = draft.operation(id_)
    if not operation.active:
        raise OperationEndedError(id_, operation.state.value)
    return operation


def _progressed(draft: Transaction, operation: Operation) -> Operation:
    operation = replace(operation, updated=draft.now)
    draft.put_operation(operation)
    draft.events.append(OperationProgressed(at=draft.now, operation=operation))
    return operation


def _ended(draft: Transaction, operation: Operation, who: str) -> Operation:
    operation = replace(operation, updated=draft.now, ended=draft.now)
    draft.put_operation(operation)
    after = {"state": operation.state.value, "error": operation.error}
    draft.note(who, "end", subject(operation), {"state": "running"}, after)
    draft.events.append(OperationEnded(at=draft.now, operation=operation))
    return operation


def _make_room(draft: Transaction, who: str) -> None:
    limit = draft.limits.max_operations
    if draft.operation_count < limit:
        return
    running = sum(1 for one in draft.operations() if one.active)
    stale = sum(1 for one in _expired(draft) if one.active)
    if running - stale >= limit:  # refused before anything is forgotten
        raise RegistryFullError("operations", limit)
    removed = [_remove(draft, one) for one in _expired(draft)]
    if draft.operation_count >= limit:
        removed += _shrink(draft, limit - 1 - limit // SHARE)
    draft.note(who, "clean", "operations for room", None, sorted(removed))


def _expired(draft: Transaction) -> list[Operation]:
    return [one for one in draft.operations() if draft.limits.expired(one, draft.now)]


def _shrink(draft: Transaction, to: int) -> list[int]:
    """Forget what is over, oldest first, until there are ``to`` or only running ones."""
    over = draft.operation_count - to
    if over <= 0:
        return []
    ended = sorted((one for one in draft.operations() if not one.active), key=lambda one: one.id)
    return [_remove(draft, operation) for operation in ended[:over]]


def _remove(draft: Transaction, operation: Operation) -> int:
    draft.drop_operation(operation.id)
    draft.events.append(OperationRemoved(at=draft.now, operation=operation))
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

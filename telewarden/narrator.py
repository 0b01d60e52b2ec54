"""Facts in words: one plain sentence an event, or one JSON object, for people who look on.

Owns the wording and what is worth saying; knows events, asks nobody.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from .supervision import (
    BudgetExhausted,
    ChildAbandoned,
    ChildFailed,
    ChildQuarantined,
    ChildStarted,
    ChildStartFailed,
    Event,
)
from .telegram import (
    CopyRepaired,
    DeadLettered,
    FloodBegan,
    FloodEnded,
    PairPaused,
    PhaseChanged,
    RecoveryTried,
    SessionRecovered,
)

__all__ = ["as_json", "sentence"]

E = TypeVar("E", bound=Event)


def sentence(event: Event) -> str | None:
    """Say what happened, in one line; ``None`` for what nobody wants to read each time."""
    words = _WORDS.get(type(event))
    return None if words is None else words(event)


def as_json(event: Event) -> str:
    """The event as a line of JSON: class under ``event``, its sentence under ``says``."""
    fields = {field.name: _plain(getattr(event, field.name)) for field in dataclasses.fields(event)}
    return json.dumps({"event": type(event).__name__, **fields, "says": sentence(event)})


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case str() | int() | float() | None:
            return value
        case BaseException():
            return type(value).__name__
        case _:
            return str(value)


def _phase(event: PhaseChanged) -> str | None:
    reason = f" ({event.reason})" if event.reason else ""
    return f"{event.session}: {event.before} -> {event.after}{reason}"


def _started(event: ChildStarted) -> str | None:
    return f"{event.child}: restarted by its supervisor" if event.restarted else None


def _tried(event: RecoveryTried) -> str | None:
    if not event.problem:
        return None
    return f"{event.session}: {event.rung}, try {event.attempt}: {event.problem}"


def _recovered(event: SessionRecovered) -> str:
    return (
        f"{event.session}: online by {event.rung} after {event.seconds:.3f} s, cause: {event.cause}"
    )


def _repaired(event: CopyRepaired) -> str:
    kept = f"; the damaged one is kept as {event.kept}" if event.kept else ""
    return f"{event.session}: {event.copy} written anew ({event.problem}){kept}"


_WORDS: Final[Mapping[type[Event], Callable[[Any], str | None]]] = {
    PhaseChanged: _phase,
    ChildStarted: _started,
    RecoveryTried: _tried,
    SessionRecovered: _recovered,
    CopyRepaired: _repaired,
    ChildFailed: lambda e: f"{e.child}: failed: {e.exit.reason}",
    ChildStartFailed: lambda e: f"{e.child}: did not start: {e.exit.reason}",
    ChildQuarantined: lambda e: f"{e.child}: quarantined: {e.reason}",
    ChildAbandoned: lambda e: f"{e.child}: did not stop within {e.seconds:g} s and was left behind",
    BudgetExhausted: lambda e: f"{e.child}: gives up; {e.offender} failed too often",
    FloodBegan: lambda e: f"{e.session}: Telegram asks for {e.seconds:g} s of quiet on {e.method}",
    FloodEnded: lambda e: f"{e.session}: {e.method} goes on; {e.parked} parked",
    PairPaused: lambda e: f"{e.session}: pair {e.pair} paused: {e.reason}",
    DeadLettered: lambda e: f"{e.session}: pair {e.pair} put aside {e.source_id}: {e.reason}",
}

"""What shall follow from an error, by its class.

Pure. A directive is decided where the child failed, by the function that its spec names, so that a
supervisor never runs code that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ...errors import InvalidSpecError


class Directive(Enum):
    """The directives that need no detail."""

    RESTART = "restart"
    """Another incarnation, as restart type, backoff and intensity allow. The default."""
    RESUME = "resume"
    """Forget the message and go on with the same incarnation and its state."""
    STOP = "stop"
    """Leave it stopped; only a command starts it again."""
    ESCALATE = "escalate"
    """The supervisor fails with the same error, and its own supervisor decides."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Keep the child down, which counts as no restart, until a command releases it."""

    reason: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Another incarnation in ``seconds`` from now; a wait, no failure: it costs nothing."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise InvalidSpecError("WaitUntil.seconds", self.seconds, "0 or more seconds")


@dataclass(frozen=True, slots=True)
class SharedCause:
    """Restart it, unless too many failed for the same cause: then it waits with the others.

    ``key`` names the cause (``("dc", 2)``, a proxy, a database), the same for all whom it hits.
    See ``CircuitBreaker``; in a tree without one it is an ordinary restart.
    """

    key: Hashable


AnyDirective: TypeAlias = Directive | Quarantine | WaitUntil | SharedCause


def directives(
    table: Mapping[type[BaseException], AnyDirective | Callable[[BaseException], AnyDirective]],
    *,
    default: AnyDirective = Directive.RESTART,
) -> Callable[[BaseException], AnyDirective]:
    """Make a ``ChildSpec.directive`` of a table; an error's nearest class in the table decides.

    A value may be a function of the error: ``{FloodWait: lambda error: WaitUntil(error.seconds)}``.
    """
    rows = dict(table)

    def decide(error: BaseException) -> AnyDirective:
        for kind in type(error).__mro__:
            if kind in rows:
                row = rows[kind]
                return row(error) if callable(row) else row
        return default

    return decide

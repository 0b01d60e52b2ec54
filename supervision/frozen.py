"""Frozen dataclasses that are cheap to make, for hot paths.

The ``__init__`` of a frozen dataclass writes past the lock through ``object.__setattr__``, which
takes twice as long as writing to the slots themselves; and a restart tells four facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a frozen dataclass of ``cls``: slots, keywords only, plain defaults."""
    return _quick(dataclass(frozen=True, slots=True, kw_only=True)(cls), "*, ")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen_positional(cls: type[T]) -> type[T]:
    """The same, with fields that may be given by position."""
    return _quick(dataclass(frozen=True, slots=True)(cls), "")


def _quick(made: type[T], star: str) -> type[T]:
    setattr(made, "__init__", _writer(made, star))  # noqa: B010 - same parameters, another body
    return made


def _writer(cls: Any, star: str) -> Callable[..., None]:
    shown = fields(cls)
    known: dict[str, Any] = {f"set_{one.name}": getattr(cls, one.name).__set__ for one in shown}
    known |= {f"default_{one.name}": one.default for one in shown}
    parameters = ", ".join(
        one.name if one.default is MISSING else f"{one.name}=default_{one.name}" for one in shown
    )
    body = "; ".join(f"set_{one.name}(self, {one.name})" for one in shown)
    if hasattr(cls, "__post_init__"):
        body += "; self.__post_init__()"
    exec(f"def __init__(self, {star}{parameters}): {body}", known)  # noqa: S102 - as dataclasses do
    return known["__init__"]  # type: ignore[no-any-return]

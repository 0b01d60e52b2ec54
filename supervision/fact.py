"""Values that are cheap to make, for what is told on a hot path.

A frozen dataclass takes three times as long to make as a plain one, and a restart tells four facts.
So these are frozen for the type checkers, and plain when they run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

__all__ = ["fact"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def fact(cls: type[T]) -> type[T]:
    """Make a dataclass of ``cls`` that nobody is to change: slots, keywords only, hashable."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)

"""Internal messages of the registry: what it tells itself to do later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ready:
    """What was there has been read: the sessions can start."""

    incarnation: int


@dataclass(frozen=True, slots=True)
class Tidy:
    """Time to look for what has expired or is stuck."""

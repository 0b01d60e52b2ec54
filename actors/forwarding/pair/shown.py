"""Private fields that others may read, and not set. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import Any


def shown(path: str) -> Any:
    """Return a property that reads ``path``, a private field of its own or what is below one."""
    return property(attrgetter(path))

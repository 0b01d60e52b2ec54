"""A test kit for apps: pytest fixtures, a loopback Telegram, event probes.

The fixtures live in ``plugin``; pytest finds them by itself. Everything here is imported when it
is first asked for, so that a project which has Telewarden installed and does not use it pays
nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .crashes import CrashWatch
    from .events import EventLog
    from .registry import RegistryKit

__all__ = ["CrashWatch", "EventLog", "RegistryKit"]

_LATE = {"CrashWatch": "crashes", "EventLog": "events", "RegistryKit": "registry"}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)

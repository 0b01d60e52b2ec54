"""Telewarden keeps Telegram sessions alive.

This is the front door: the ``Warden``, its configuration and its errors. The rooms behind it
(``telewarden.supervision``, ``telewarden.storage``, ...) are packages of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ._version import __version__
from .errors import (
    ConfigError,
    TelegramAuthError,
    TelegramRateLimitError,
    TelegramSessionError,
    TelewardenError,
)

if TYPE_CHECKING:
    from .api.session import SessionHandle
    from .config import Config, load_config, parse_config
    from .standalone.offline_warden import OfflineWarden
    from .standalone.safe_session import SafeSession, safe_session
    from .standalone.safety_check import Safety, SafetyReport, safety_check
    from .warden import Warden

__all__ = [
    "Config",
    "ConfigError",
    "OfflineWarden",
    "SafeSession",
    "Safety",
    "SafetyReport",
    "SessionHandle",
    "TelegramAuthError",
    "TelegramRateLimitError",
    "TelegramSessionError",
    "TelewardenError",
    "Warden",
    "__version__",
    "load_config",
    "parse_config",
    "safe_session",
    "safety_check",
]

# Pykka, Telethon and pydantic are imported when one of these is first asked for: a user of
# telewarden.supervision alone never waits for Telethon.
_LATE = {
    "Config": "config",
    "OfflineWarden": "standalone.offline_warden",
    "SafeSession": "standalone.safe_session",
    "Safety": "standalone.safety_check",
    "SafetyReport": "standalone.safety_check",
    "SessionHandle": "api.session",
    "Warden": "warden",
    "load_config": "config",
    "parse_config": "config",
    "safe_session": "standalone.safe_session",
    "safety_check": "standalone.safety_check",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value

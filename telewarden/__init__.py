"""Telewarden keeps Telegram sessions alive.

This is the front door: the ``Warden``, its configuration and its errors. The rooms behind it
(``telewarden.supervision``, ``telewarden.storage``, ...) are packages of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ._version import __version__
from .errors import ConfigError, TelewardenError

if TYPE_CHECKING:
    from .actors import HandlerRequest, PairHandler
    from .api.session import SessionHandle
    from .config import Config, load_config, parse_config
    from .diagnostics import Diagnosis, diagnose
    from .errors import (
        HandlerRefusedError,
        LeaseHeldError,
        TelegramAuthError,
        TelegramRateLimitError,
        TelegramSessionError,
    )
    from .standalone.offline_warden import OfflineWarden
    from .standalone.safe_session import SafeSession, safe_session
    from .standalone.safety_check import Safety, SafetyReport, safety_check
    from .standalone.shared_client import shared_client
    from .storage import MasterKey
    from .supervision import EventStream
    from .telegram import Health, Phase
    from .telegram.reports import Overview, SessionReport
    from .warden import Warden

__all__ = [
    "Config",
    "ConfigError",
    "Diagnosis",
    "EventStream",
    "HandlerRefusedError",
    "HandlerRequest",
    "Health",
    "LeaseHeldError",
    "MasterKey",
    "OfflineWarden",
    "Overview",
    "PairHandler",
    "Phase",
    "SafeSession",
    "Safety",
    "SafetyReport",
    "SessionHandle",
    "SessionReport",
    "TelegramAuthError",
    "TelegramRateLimitError",
    "TelegramSessionError",
    "TelewardenError",
    "Warden",
    "__version__",
    "diagnose",
    "load_config",
    "parse_config",
    "safe_session",
    "safety_check",
    "shared_client",
]

# Pykka, Telethon and pydantic are imported when one of these is first asked for: a user of
# telewarden.supervision alone never waits for Telethon.
_LATE = {
    "Config": "config",
    "Diagnosis": "diagnostics",
    "EventStream": "supervision",
    "HandlerRefusedError": "errors",
    "HandlerRequest": "actors",
    "Health": "telegram",
    "LeaseHeldError": "errors",
    "MasterKey": "storage",
    "OfflineWarden": "standalone.offline_warden",
    "Overview": "telegram.reports",
    "PairHandler": "actors",
    "Phase": "telegram",
    "SafeSession": "standalone.safe_session",
    "Safety": "standalone.safety_check",
    "SafetyReport": "standalone.safety_check",
    "SessionHandle": "api.session",
    "SessionReport": "telegram.reports",
    "TelegramAuthError": "errors",
    "TelegramRateLimitError": "errors",
    "TelegramSessionError": "errors",
    "Warden": "warden",
    "diagnose": "diagnostics",
    "load_config": "config",
    "parse_config": "config",
    "safe_session": "standalone.safe_session",
    "safety_check": "standalone.safety_check",
    "shared_client": "standalone.shared_client",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value

"""Telethon on our terms: clients, errors, login, requests, session strings and files.

The only room, but for the loopback data centre, that imports Telethon, and it does so late:
errors, phases and the reading of strings and files work without it. It knows no actors, no
database and no metrics; it takes clock and limits from its caller.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .errors import Action, ErrorClass, Moment, Verdict, classify, to_telewarden
from .events import Arrived, Deleted, Edited, Gap, Incoming, Lost, Told
from .limits import ConnectLimit
from .phases import (
    HEALTHS,
    PHASES,
    STEPS,
    CodeSent,
    Delayed,
    Dialled,
    Dropped,
    Event,
    GaveUp,
    Health,
    LoginFailed,
    PasswordAsked,
    Phase,
    QrShown,
    Recovered,
    RecoveryStarted,
    Rejected,
    Removed,
    SignedIn,
    StopAsked,
    Stopped,
    Telling,
    Welcomed,
    diagram,
    health_of,
    step,
)
from .strings import SessionString, check_string, format_string, key_id_of, parse_string

if TYPE_CHECKING:
    from .client import Client
    from .gateway import CloseReport, Deadlines, Device, Gateway, ServerAddress
    from .session import EntityRow, SessionChanges, UpdateState, WardenSession

__all__ = [
    "HEALTHS",
    "PHASES",
    "STEPS",
    "Action",
    "Arrived",
    "Client",
    "CloseReport",
    "CodeSent",
    "ConnectLimit",
    "Deadlines",
    "Delayed",
    "Deleted",
    "Device",
    "Dialled",
    "Dropped",
    "Edited",
    "EntityRow",
    "ErrorClass",
    "Event",
    "Gap",
    "Gateway",
    "GaveUp",
    "Health",
    "Incoming",
    "LoginFailed",
    "Lost",
    "Moment",
    "PasswordAsked",
    "Phase",
    "QrShown",
    "Recovered",
    "RecoveryStarted",
    "Rejected",
    "Removed",
    "ServerAddress",
    "SessionChanges",
    "SessionString",
    "SignedIn",
    "StopAsked",
    "Stopped",
    "Telling",
    "Told",
    "UpdateState",
    "Verdict",
    "WardenSession",
    "Welcomed",
    "check_string",
    "classify",
    "diagram",
    "format_string",
    "health_of",
    "key_id_of",
    "parse_string",
    "step",
    "to_telewarden",
]

# Telethon takes 0.3 s and 40 MB to import; these names do so when they are first asked for.
_LATE = {
    "Client": "client",
    "CloseReport": "gateway",
    "Deadlines": "gateway",
    "Device": "gateway",
    "EntityRow": "session",
    "Gateway": "gateway",
    "ServerAddress": "gateway",
    "SessionChanges": "session",
    "UpdateState": "session",
    "WardenSession": "session",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value

"""Telethon on our terms: clients, errors, login, requests, session strings and files.

The only room, but for the loopback data centre, that imports Telethon, and it does so late:
errors, phases and the reading of strings and files work without it. It knows no actors, no
database and no metrics; it takes clock and limits from its caller.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .connecting.connect_limit import ConnectLimit
from .errors.classification import NO_DESCRIPTORS, classify, short_of, to_telewarden
from .errors.proxy_trouble import ProxyTrouble, ProxyTroubleError
from .errors.verdict import Action, ErrorClass, Moment, Verdict
from .events import Arrived, Deleted, Edited, Gap, Incoming, Lost, Told, Upgraded
from .methods import chat_of, method_name, posts_into
from .phases import (
    COMING,
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
    StatusText,
    StopAsked,
    Stopped,
    Welcomed,
    diagram,
    health_of,
    step,
)
from .proxies import Proxies, Proxy, ProxyKind
from .reports import GroupReport, Overview, PairReport, SessionReport, Wait, WaitKind
from .richtext import RichText, units
from .sending.random_ids import random_id_for
from .sending.shipments import Receipt, Shipment, ShipmentAction
from .session_events import (
    AccountLimited,
    BackfillProgress,
    CaughtUp,
    CopyChanged,
    CopyRepaired,
    CopyShortened,
    DeadLettered,
    FloodBegan,
    FloodEnded,
    FloodRemembered,
    Forwarded,
    PairPaused,
    PairResumed,
    PhaseChanged,
    Probed,
    RecoveryTried,
    SessionEvent,
    SessionRecovered,
)
from .session_files.salvage import rescue_file, salvage_file, salvage_keys
from .session_files.session_file import (
    FileDamage,
    FileEntity,
    FileState,
    StoredSession,
    read_file,
    write_file,
)
from .session_files.session_string import (
    SessionString,
    check_string,
    format_string,
    key_id_of,
    parse_string,
)

if TYPE_CHECKING:
    from .chats import (
        Access,
        access,
        accesses,
        device_lifetime,
        join,
        log_out,
        refusal_of,
        server_time_request,
    )
    from .client import Client
    from .connecting.admission import SHARED_OUTAGE
    from .connecting.gateway import CloseReport, Deadlines, Device, Gateway, ServerAddress
    from .connecting.outage import OutageLimit
    from .incoming import from_bytes, to_bytes
    from .login.code_resend import CodeInfo
    from .login.flow import LoggedIn, LoginFlow, PasswordNeeded, QrToken
    from .message_reader import Page, read_history, read_messages
    from .places import locate, upgrades
    from .sending.content_hash import content_hash, origin_of, same_second, similarity
    from .sending.delivery import deliver
    from .sending.request_builder import method_of
    from .sending.requests import (
        copy_request,
        delete_request,
        edit_request,
        fetch,
        forward_request,
        history,
        newest_id,
        sent_ids,
    )
    from .session import EntityRow, SessionChanges, UpdateState, WardenSession

__all__ = [
    "COMING",
    "HEALTHS",
    "NO_DESCRIPTORS",
    "PHASES",
    "SHARED_OUTAGE",
    "STEPS",
    "Access",
    "AccountLimited",
    "Action",
    "Arrived",
    "BackfillProgress",
    "CaughtUp",
    "Client",
    "CloseReport",
    "CodeInfo",
    "CodeSent",
    "ConnectLimit",
    "CopyChanged",
    "CopyRepaired",
    "CopyShortened",
    "DeadLettered",
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
    "FileDamage",
    "FileEntity",
    "FileState",
    "FloodBegan",
    "FloodEnded",
    "FloodRemembered",
    "Forwarded",
    "Gap",
    "Gateway",
    "GaveUp",
    "GroupReport",
    "Health",
    "Incoming",
    "LoggedIn",
    "LoginFailed",
    "LoginFlow",
    "Lost",
    "Moment",
    "OutageLimit",
    "Overview",
    "Page",
    "PairPaused",
    "PairReport",
    "PairResumed",
    "PasswordAsked",
    "PasswordNeeded",
    "Phase",
    "PhaseChanged",
    "Probed",
    "Proxies",
    "Proxy",
    "ProxyKind",
    "ProxyTrouble",
    "ProxyTroubleError",
    "QrShown",
    "QrToken",
    "Receipt",
    "Recovered",
    "RecoveryStarted",
    "RecoveryTried",
    "Rejected",
    "Removed",
    "RichText",
    "ServerAddress",
    "SessionChanges",
    "SessionEvent",
    "SessionRecovered",
    "SessionReport",
    "SessionString",
    "Shipment",
    "ShipmentAction",
    "SignedIn",
    "StatusText",
    "StopAsked",
    "Stopped",
    "StoredSession",
    "Told",
    "UpdateState",
    "Upgraded",
    "Verdict",
    "Wait",
    "WaitKind",
    "WardenSession",
    "Welcomed",
    "access",
    "accesses",
    "chat_of",
    "check_string",
    "classify",
    "content_hash",
    "copy_request",
    "delete_request",
    "deliver",
    "device_lifetime",
    "diagram",
    "edit_request",
    "fetch",
    "format_string",
    "forward_request",
    "from_bytes",
    "health_of",
    "history",
    "join",
    "key_id_of",
    "locate",
    "log_out",
    "method_name",
    "method_of",
    "newest_id",
    "origin_of",
    "parse_string",
    "posts_into",
    "random_id_for",
    "read_file",
    "read_history",
    "read_messages",
    "refusal_of",
    "rescue_file",
    "salvage_file",
    "salvage_keys",
    "same_second",
    "sent_ids",
    "server_time_request",
    "short_of",
    "similarity",
    "step",
    "to_bytes",
    "to_telewarden",
    "units",
    "upgrades",
    "write_file",
]

# Telethon takes 0.3 s and 40 MB to import; these names do so when they are first asked for.
_LATE = {
    "locate": "places",
    "upgrades": "places",
    "from_bytes": "incoming",
    "to_bytes": "incoming",
    "read_messages": "message_reader",
    "read_history": "message_reader",
    "newest_id": "sending.requests",
    "method_of": "sending.request_builder",
    "deliver": "sending.delivery",
    "Page": "message_reader",
    "Access": "chats",
    "Client": "client",
    "CloseReport": "connecting.gateway",
    "CodeInfo": "login.code_resend",
    "Deadlines": "connecting.gateway",
    "Device": "connecting.gateway",
    "EntityRow": "session",
    "Gateway": "connecting.gateway",
    "OutageLimit": "connecting.outage",
    "SHARED_OUTAGE": "connecting.admission",
    "LoggedIn": "login.flow",
    "LoginFlow": "login.flow",
    "PasswordNeeded": "login.flow",
    "QrToken": "login.flow",
    "ServerAddress": "connecting.gateway",
    "SessionChanges": "session",
    "UpdateState": "session",
    "WardenSession": "session",
    "access": "chats",
    "accesses": "chats",
    "copy_request": "sending.requests",
    "delete_request": "sending.requests",
    "device_lifetime": "chats",
    "edit_request": "sending.requests",
    "fetch": "sending.requests",
    "forward_request": "sending.requests",
    "history": "sending.requests",
    "join": "chats",
    "log_out": "chats",
    "refusal_of": "chats",
    "sent_ids": "sending.requests",
    "server_time_request": "chats",
    "similarity": "sending.content_hash",
    "same_second": "sending.content_hash",
    "origin_of": "sending.content_hash",
    "content_hash": "sending.content_hash",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value

"""A Telegram data centre on 127.0.0.1 that an unmodified Telethon client connects to.

Owns the wire, the accounts, chats and messages of it, and faults on request; leaves
everything about supervising clients to the other rooms, of which it imports none.
"""

from __future__ import annotations

from .actions import (
    AcceptAndClose,
    AcceptAndStaySilent,
    Action,
    Answer,
    BadChecksum,
    BadMessage,
    BadMsgKey,
    BadSalt,
    CutConnection,
    Delay,
    FloodWait,
    Noise,
    Refuse,
    Silence,
    StallReading,
    StallWriting,
    TransportError,
    VoidKey,
)
from .clock import Clock, ManualClock
from .connection import Connection
from .control import ControlPort
from .faults import Fault, FaultRules, Rule
from .handles import ChatHandle
from .pushes import Pushes
from .records import Account, Authorization, ChatKind, Message, Topic
from .rpc import RpcError
from .server import LoopbackTelegram
from .stats import Stats
from .world import Limits

__all__ = [
    "AcceptAndClose",
    "AcceptAndStaySilent",
    "Account",
    "Action",
    "Answer",
    "Authorization",
    "BadChecksum",
    "BadMessage",
    "BadMsgKey",
    "BadSalt",
    "ChatHandle",
    "ChatKind",
    "Clock",
    "Connection",
    "ControlPort",
    "CutConnection",
    "Delay",
    "Fault",
    "FaultRules",
    "FloodWait",
    "Limits",
    "LoopbackTelegram",
    "ManualClock",
    "Message",
    "Noise",
    "Pushes",
    "Refuse",
    "RpcError",
    "Rule",
    "Silence",
    "StallReading",
    "StallWriting",
    "Stats",
    "Topic",
    "TransportError",
    "VoidKey",
]

"""A Telegram data centre on 127.0.0.1 that an unmodified Telethon client connects to.

Owns the wire, the accounts, chats and messages of it, and faults on request; leaves
everything about supervising clients to the other rooms, of which it imports none.
"""

from __future__ import annotations

from .chat_handles import ChatHandle
from .clock import Clock, ManualClock
from .control_port import ControlPort
from .faults.actions import (
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
    ServiceNotice,
    Silence,
    StallReading,
    StallWriting,
    TransportError,
    Unknown,
    VoidKey,
)
from .faults.rules import Fault, FaultRules, Rule
from .rpc import RpcError
from .server import LoopbackTelegram
from .stats import Stats
from .transport.connection import Connection
from .transport.mtproxy import LoopbackMtproxy
from .updates.pushes import Pushes
from .world.records import Account, Authorization, ChatKind, Message, Topic
from .world.world import Limits

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
    "LoopbackMtproxy",
    "LoopbackTelegram",
    "ManualClock",
    "Message",
    "Noise",
    "Pushes",
    "Refuse",
    "RpcError",
    "Rule",
    "ServiceNotice",
    "Silence",
    "StallReading",
    "StallWriting",
    "Stats",
    "Topic",
    "TransportError",
    "Unknown",
    "VoidKey",
]

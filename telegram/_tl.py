"""Telethon's names, typed as ``Any``: it ships no types, and inferred ones are wrong."""

from __future__ import annotations

from typing import Any

import telethon
import telethon.errors
import telethon.sessions
import telethon.utils
from telethon._updates import messagebox
from telethon.extensions import BinaryReader
from telethon.network import mtprotosender, mtprotostate

errors: Any = telethon.errors
functions: Any = telethon.functions
types: Any = telethon.types
utils: Any = telethon.utils
MemorySession: Any = telethon.sessions.MemorySession
MessageBox: Any = messagebox.MessageBox
MTProtoSender: Any = mtprotosender.MTProtoSender
MTProtoState: Any = mtprotostate.MTProtoState
TelegramClient: Any = telethon.TelegramClient


def read_object(data: bytes) -> Any:
    """Return the object that is written so."""
    reader: Any = BinaryReader(data)
    return reader.tgread_object()

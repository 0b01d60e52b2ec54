"""A plain Telethon client for the one who writes: nothing of the warden's is in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from telethon import TelegramClient
from telethon.sessions import StringSession

from ..loopback import LoopbackTelegram
from .script import PUBLISHER


@contextlib.asynccontextmanager
async def connected(telegram: LoopbackTelegram) -> AsyncIterator[Any]:
    """A connected client of the publisher's account, signed in already."""
    account = next(one for one in telegram.accounts if one.first_name == PUBLISHER)
    client: Any = TelegramClient(StringSession(telegram.mint(account)), 1, "demo")
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()

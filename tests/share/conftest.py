"""A warden that shares a session, programs that use it, and a client with a login of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import StringSession

from telewarden import shared_client
from telewarden.loopback import LoopbackTelegram

from ..actors.conftest import ALICE, BOB, PRESS, TABLES, Newsroom

API = 1, "hash"
SOON = 30.0  # seconds in which anything that is going to happen has happened
CAROL = "+9996620004"


class House(Newsroom):
    """A newsroom whose warden shares alice's session, and carol's in another data centre."""

    def client(self, program: str = "bot", session: str = "alice", **options: Any) -> Any:
        """A program's client, not connected yet."""
        return shared_client(session, program=program, config=self.config, **options)

    @contextlib.asynccontextmanager
    async def own_client(self, phone: str = ALICE, **options: Any) -> AsyncIterator[Any]:
        """Telethon's client with a login of its own."""
        string = self.telegram.mint(self.account(phone))
        client = TelegramClient(StringSession(string), *API, **options)
        await client.connect()
        try:
            yield client
        finally:
            await client.disconnect()

    def clients(self) -> Any:
        """The owner's clients."""
        assert self.warden._parts is not None
        return self.warden._parts._gateway.clients

    def share_queue(self, queue: int) -> None:
        """Keep so many updates for a slow program."""
        assert self.warden.config.share is not None
        share = self.warden.config.share.model_copy(update={"queue": queue})
        self.warden.config = self.warden.config.model_copy(update={"share": share})

    def share(self, **changes: Any) -> None:
        """Let the program's table say something else, at once."""
        assert self.warden.config.share is not None
        (first, *others) = self.warden.config.share.programs
        programs = (first.model_copy(update=changes), *others)
        share = self.warden.config.share.model_copy(update={"programs": programs})
        self.warden.config = self.warden.config.model_copy(update={"share": share})


class Heard:
    """What a client is told, in order."""

    def __init__(self, client: Any, *builders: Any) -> None:
        self.events: list[Any] = []
        self._came = asyncio.Condition()
        for builder in builders or (events.NewMessage(),):
            client.add_event_handler(self._take, builder)

    async def _take(self, event: Any) -> None:
        async with self._came:
            self.events.append(event)
            self._came.notify_all()

    @property
    def texts(self) -> list[str]:
        return [event.raw_text for event in self.events]

    async def until(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        async with asyncio.timeout(SOON), self._came:
            await self._came.wait_for(lambda: enough(self.events))
        return self.events


def shared_tables(folder: Path) -> dict[str, Any]:
    tables = copy.deepcopy(TABLES)
    tables["pairs"] = []
    tables["sessions"].append({"name": "carol", "phone": CAROL})
    tables["share"] = {
        "socket": f"/tmp/tw-share-{os.getpid()}-{folder.name[-8:]}.sock",
        "programs": [
            {"name": "bot", "sessions": ["alice", "carol"], "read_only": False},
            {"name": "reader", "sessions": ["*"]},
        ],
    }
    return tables


@pytest.fixture
def png() -> bytes:
    """A picture of one pixel."""
    return base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )


@pytest.fixture
async def house(tmp_path: Path, leaks: Any) -> AsyncIterator[House]:
    leaks.keep("a password", "correct horse")
    async with LoopbackTelegram(other_dcs=(4,)) as telegram:
        telegram.add_account("carol", phone=CAROL, dc_id=4)
        room = House(telegram, tmp_path, shared_tables(tmp_path))
        await room.start()
        for session in ("alice", "carol"):
            await room.warden.session(session).wait_online()
        yield room
        await room.warden.stop()
        leaks.see_files(tmp_path)


__all__ = ["ALICE", "BOB", "CAROL", "PRESS"]

"""A loopback data centre with three accounts and a channel, and a gateway to it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from telewarden.loopback import LoopbackTelegram
from telewarden.telegram import (
    Client,
    ClientEvent,
    ConnectLimit,
    Deadlines,
    Gateway,
    ServerAddress,
    WardenSession,
)

API_HASH = "feedc0de" * 4


@dataclass
class Heard:
    """What a client told, and a way to wait for it."""

    told: list[ClientEvent] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, told: ClientEvent) -> None:
        self.told.append(told)
        self._came.set()

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]

    async def until(self, kind: type, count: int = 1) -> list[Any]:
        """Wait until ``count`` of ``kind`` were told."""
        async with asyncio.timeout(30):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()
        return self.of(kind)


class Line:
    """The data centre, its accounts, and the gateway under test."""

    def __init__(self, tg: LoopbackTelegram) -> None:
        self.tg = tg
        self.alice = tg.add_account("alice", phone="+9996620001")
        self.bob = tg.add_account("bob", phone="+9996620002")
        self.news = tg.add_channel("News", owner=self.bob)
        self.news.join(self.alice)
        self.gateway = self.make_gateway()

    def heard(self) -> Heard:
        return Heard()

    def make_gateway(self, **options: Any) -> Gateway:
        server = ServerAddress(
            dc_id=self.tg.dc_id, host="127.0.0.1", port=self.tg.port, pem=self.tg.pem
        )
        options.setdefault("server", server)
        options.setdefault("connect_limit", ConnectLimit(rate=1_000.0, burst=1_000))
        options.setdefault("deadlines", Deadlines(connect=10.0, close=5.0))
        return Gateway(1, API_HASH, **options)

    def session(self, account: Any) -> WardenSession:
        return WardenSession.from_string(self.tg.mint(account))

    def swallow(self, chat: Any, *texts: str) -> None:
        """Say something that is not pushed to alice, so that what follows is a gap."""
        connections = self.tg.connections(self.alice)
        for connection in connections:
            connection.conversation.wants_updates = False
        for text in texts:
            self.tg.post(chat, text, author=self.bob)
        for connection in connections:
            connection.conversation.wants_updates = True

    async def open(
        self, account: Any, heard: Heard | None = None, *, session: WardenSession | None = None
    ) -> Client:
        return await self.gateway.open(
            account.first_name, session or self.session(account), heard or Heard()
        )


@pytest.fixture
async def line(leaks: Any) -> AsyncIterator[Line]:
    """A data centre and a gateway; everything is closed afterwards, and nothing is left."""
    leaks.keep("an api_hash", API_HASH)
    before = asyncio.all_tasks()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    async with LoopbackTelegram(host="127.0.0.1", port=0) as tg:
        line = Line(tg)
        yield line
        leaks.see("the gateway", repr(line.gateway) + repr(vars(line)))
        report = await line.gateway.close_all(deadline=5.0)
        assert report.cut == ()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert left == set()
    gc.collect()  # a future whose error nobody looked at complains when it goes
    assert complaints == []

"""Stock Telethon clients on a loopback data centre, and ways to wait for what they hear."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import StringSession

from telewarden.loopback import Account, LoopbackTelegram, ManualClock
from telewarden.testing.plugin import loopback_client, loopback_telegram, loopback_telegram_thread

__all__ = ["loopback_client", "loopback_telegram", "loopback_telegram_thread"]

SOON = 30.0  # seconds in which anything that is going to happen has happened


class Heard:
    """The events a client got, in order, for a test to wait for."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    async def __call__(self, event: Any) -> None:
        self.queue.put_nowait(event)

    async def next(self) -> Any:
        """The next event, or a failure when none comes."""
        async with asyncio.timeout(SOON):
            return await self.queue.get()

    async def texts(self, count: int) -> list[str]:
        """The texts of the next ``count`` events."""
        return [(await self.next()).raw_text for _ in range(count)]


@pytest.fixture
def hear() -> Callable[..., Heard]:
    """Collects what a client hears of one kind of event."""

    def listen(client: Any, kind: Any = None) -> Heard:
        heard = Heard()
        client.add_event_handler(heard, kind or events.NewMessage())
        return heard

    return listen


@pytest.fixture
def telethon_leaks() -> Iterator[None]:
    """Clears up the sockets that Telethon leaves open when a port refuses it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture
async def tg(loopback_telegram: LoopbackTelegram) -> LoopbackTelegram:
    """The data centre under test."""
    return loopback_telegram


@pytest.fixture
async def timed(clock: ManualClock) -> AsyncIterator[LoopbackTelegram]:
    """A data centre whose time stands still until ``clock`` is turned."""
    TelegramClient._config = None
    async with LoopbackTelegram(clock=clock) as telegram:
        telegram.trust()
        yield telegram


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Connects clients to any data centre, and disconnects them at the end."""
    clients: list[Any] = []

    async def connecting(
        telegram: LoopbackTelegram, account: Account | str | None = None, **options: Any
    ) -> Any:
        if isinstance(account, str):
            session = StringSession(account)
        elif account is not None:
            session = StringSession(telegram.mint(account))
        else:
            session = StringSession()
            session.set_dc(*telegram.address)
        client = TelegramClient(session, 1, "loopback", **options)
        clients.append(client)
        try:
            await client.connect()
        except BaseException:
            await client.disconnect()  # Telethon does not clean up behind a connect() that failed
            raise
        return client

    yield connecting
    for client in clients:
        await client.disconnect()


@pytest.fixture
def alice(tg: LoopbackTelegram) -> Account:
    return tg.add_account("Alice", phone="+9996620001", username="alice")


@pytest.fixture
def bob(tg: LoopbackTelegram) -> Account:
    return tg.add_account("Bob", phone="+9996620002", username="bobby")

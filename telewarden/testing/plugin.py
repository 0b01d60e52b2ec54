"""pytest fixtures for tests that want a Telegram: found by pytest without being imported.

Everything is imported inside the fixtures, so that a project which has Telewarden
installed and does not use them pays nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from telewarden.loopback import Account, LoopbackTelegram

__all__ = ["loopback_client", "loopback_telegram", "loopback_telegram_thread"]

F = TypeVar("F", bound=Callable[..., Any])


def _async_fixture(function: F) -> F:
    """A fixture that works in pytest-asyncio's strict mode too, where there is pytest-asyncio."""
    try:
        from pytest_asyncio import fixture
    except ImportError:  # then nobody can ask for it, but importing this must not fail
        return cast("F", pytest.fixture(function))
    return cast("F", fixture(function))


def _forget_config() -> None:
    """Telethon keeps the list of data centres on its class: the next test has other ports."""
    from telethon import TelegramClient

    TelegramClient._config = None  # noqa: SLF001 - there is no public way


@_async_fixture
async def loopback_telegram() -> AsyncIterator[LoopbackTelegram]:
    """A Telegram of one's own on a free port, trusted by the Telethon of this process."""
    from telewarden.loopback import LoopbackTelegram

    _forget_config()
    async with LoopbackTelegram() as telegram:
        telegram.trust()
        yield telegram
    _forget_config()


@pytest.fixture
def loopback_telegram_thread() -> Iterator[LoopbackTelegram]:
    """The same in a thread of its own, for tests that are not asynchronous."""
    from telewarden.loopback import LoopbackTelegram

    _forget_config()
    with LoopbackTelegram.in_thread() as telegram:
        telegram.trust()
        yield telegram
    _forget_config()


@_async_fixture
async def loopback_client(
    loopback_telegram: LoopbackTelegram,
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Connects stock Telethon clients and disconnects them when the test is over.

    ``client = await loopback_client(alice)`` is signed in already; without an account
    it has no key yet and must log in. Keyword arguments go to ``TelegramClient``.
    """
    from telethon import TelegramClient
    from telethon.sessions import StringSession

    clients: list[Any] = []

    async def connect(account: Account | None = None, **options: Any) -> Any:
        if account is None:
            session: Any = StringSession()
            session.set_dc(*loopback_telegram.address)
        else:
            session = StringSession(loopback_telegram.mint(account))
        client: Any = TelegramClient(session, 1, "loopback", **options)
        clients.append(client)
        await client.connect()
        return client

    yield connect
    for client in clients:
        await client.disconnect()

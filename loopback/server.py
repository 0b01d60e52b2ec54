"""``LoopbackTelegram``: the data centre as tests, demos and examples use it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self, cast

from .admin import ServerAdmin
from .clock import Clock
from .engine import Engine
from .faults.rules import FaultRules
from .stats import Stats
from .threads import in_loop
from .transport.connection import Connection
from .updates.pushes import Pushes
from .world.records import Account
from .world.state_keeper import StateKeeper
from .world.world import Entropy, Limits, World


class LoopbackTelegram(ServerAdmin):
    """A Telegram of one's own on 127.0.0.1, for an unmodified Telethon client::

        async with LoopbackTelegram() as tg:
            alice = tg.add_account("alice", phone="+9996620001")
            client = TelegramClient(StringSession(tg.mint(alice)), 1, "hash")

    Everything can be set up before it runs. Its methods may be called from any
    thread. It protects nothing: its key is known to everybody.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one, ``port`` tells which.
        dc_id: the number of the data centre. ``other_dcs`` are played beside it, each on
            a port of its own, so that accounts can live elsewhere (``add_account(dc_id=)``).
        code: the login code that everybody is sent; None for a fresh one each time.
        state: a file that keeps accounts, keys, chats, messages and random ids.
        clock: dates, codes and waits go by it; the wall's by default.
        limits: where lines are drawn (lengths, differences, lifetimes).
        void_duplicates: whether a key that two connections use dies, as at Telegram.
        entropy: random bytes; give a seeded source for the same ids in every run.
        wall: the clock of the wire itself, to play a server whose clock is off.
    """

    _engine: Engine

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        dc_id: int = 2,
        other_dcs: Iterable[int] = (),
        code: str | None = "22222",
        state: Path | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        void_duplicates: bool = True,
        entropy: Entropy = os.urandom,
        wall: Clock = time.time,
    ) -> None:
        world = World(
            clock=clock or time.time, dc_id=dc_id, limits=limits or Limits(), entropy=entropy
        )
        self._keeper = StateKeeper(world, state) if state is not None else None
        if self._keeper is not None:
            self._keeper.load()
        self._engine = Engine(
            world, host=host, port=port, dc_ids=(dc_id, *other_dcs), code=code, wall=wall
        )
        self._engine.void_duplicates = void_duplicates

    # Running

    async def start(self) -> Self:
        """Listen; raises ``ListenError`` when the port is taken."""
        await self._engine.open()
        if self._keeper is not None:
            self._keeper.start()
        return self

    async def stop(self) -> None:
        """Close everything and write the state file."""
        await self._engine.close()
        if self._keeper is not None:
            await self._keeper.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, *args: Any, **kwargs: Any) -> Iterator[Self]:
        """Run one in a thread of its own, for plain code; takes what the constructor takes."""
        server = cls(*args, **kwargs)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="loopback-telegram", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result()
            try:
                yield server
            finally:
                asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    # Where it is

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._engine.host

    @property
    def port(self) -> int:
        """The home data centre's port; 0 before it runs, when any was asked."""
        return self._engine.ports[self.dc_id]

    @property
    def ports(self) -> dict[int, int]:
        """Each data centre's port by its number."""
        return dict(self._engine.ports)

    @property
    def dc_id(self) -> int:
        """The home data centre's number."""
        return self._engine.world.dc_id

    @property
    def address(self) -> tuple[int, str, int]:
        """Number, host and port, as ``session.set_dc`` takes them."""
        return self.dc_id, self.host, self.port

    @property
    def pem(self) -> str:
        """The public key, which a client must trust before it exchanges keys."""
        return self._engine.rsa.pem

    def trust(self) -> None:
        """Make the Telethon of this process trust the key. Minted sessions need it not."""
        self._engine.rsa.trust()

    # Connections and faults

    @property
    def faults(self) -> FaultRules:
        """The rules for what goes wrong: ``add``, ``remove``, ``clear``."""
        return self._engine.faults

    @property
    def pushes(self) -> Pushes:
        """What is sent unasked: ``echo``, ``lose``, ``hold`` and ``release``."""
        return self._engine.pushes

    @property
    def stats(self) -> Stats:
        """What has been counted."""
        return self._engine.stats

    @property
    def void_duplicates(self) -> bool:
        """Whether a key that two connections use dies."""
        return self._engine.void_duplicates

    @void_duplicates.setter
    def void_duplicates(self, wanted: bool) -> None:
        self._engine.void_duplicates = wanted

    @in_loop
    def connections(self, account: Account | None = None) -> list[Connection]:
        """The open connections, of everybody or of one account."""
        if account is None:
            return cast("list[Connection]", list(self._engine.connections.open))
        return cast("list[Connection]", self._engine.connections.of_account(account))

    @in_loop
    def cut(self, account: Account | None = None) -> int:
        """Reset the connections of an account, or all; how many there were."""
        doomed = self.connections(account)
        for connection in doomed:
            connection.abort()
        return len(doomed)

    @in_loop
    def forget_updates(self, account: Account) -> None:
        """Forget an account's past events: its difference is too long from now on."""
        account.feed.forget()

    @in_loop
    def expire_file_references(self) -> None:
        """Let every file reference that clients hold be out of date."""
        self._engine.world.files.expire_references()

    def allow_api_ids(self, *api_ids: int) -> None:
        """Refuse logins by other application ids; with none named, all are allowed again."""
        self._engine.api_ids = frozenset(api_ids) or None

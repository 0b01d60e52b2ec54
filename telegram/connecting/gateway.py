"""The gateway: opens clients, one for each auth key, and closes them all.

Two connections on one key end the key (AUTH_KEY_DUPLICATED). So before a client is opened,
an earlier one of the same name or key is proven off, and opens of one key take turns. How
often to try, and after what pause, is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from telethon.crypto import rsa

from ...errors import OtherServersError, SessionStringDamagedError
from ..client import Client
from ..errors.classification import error_of
from ..errors.verdict import Verdict
from ..events import ClientEvent
from ..gate import Gate
from ..mtproto.raw_client import Greeting, WardenClient
from ..mtproto.updates import PING_EVERY
from ..proxies import Proxies, Proxy
from ..session import WardenSession
from ..session_files.session_string import SessionString
from ..session_formats.data_centres import TEST_HOSTS
from .admission import Admission
from .connect_limit import ConnectLimit, ConnectQueue
from .outage import OutageLimit, OutageWatch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """A data centre to use instead of Telegram's: the loopback's, or a test one.

    ``pem`` is its public key, PKCS#1, needed for logins; Telethon trusts it process-wide.
    """

    dc_id: int
    host: str
    port: int
    pem: str | bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """How this app presents itself in the account's list of devices; never an official app's."""

    model: str = "Telewarden"
    system: str = "server"
    app: str = "1.0"
    lang: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long things may take, in seconds; ``ping`` is how often a quiet line is tried."""

    connect: float = 20.0
    close: float = 10.0
    pong: float = 20.0
    ping: float = PING_EVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReport:
    """How the last clients went: by themselves, or cut off after the deadline."""

    closed: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


class Gateway:
    """Opens clients for one api_id.

    Use it in one event loop.

    Args:
        api_id: the app's own id, from my.telegram.org.
        api_hash: the hash that belongs to it.
        server: a data centre to use instead of Telegram's.
        device: how the app presents itself.
        clock: monotonic seconds.
        sleep: how to wait.
        connect_limit: connects in a second, for each address and the proxy on the way there.
        outage_limit: when failures of many sessions are taken for one of the address.
        on_outage: told what fails (an address, or a proxy) and the session that goes on trying
            when all others pause, and the same and ``None`` when they come.
        deadlines: how long connecting and closing may take.
        proxies: which session goes through which.
    """

    def __init__(
        self,
        api_id: int,
        api_hash: str,
        *,
        server: ServerAddress | None = None,
        device: Device | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        connect_limit: ConnectLimit | None = None,
        outage_limit: OutageLimit | None = None,
        on_outage: Callable[[str, str | None], None] = lambda *_: None,
        deadlines: Deadlines | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        device = device or Device()
        self._greeting = Greeting(
            api_id=api_id,
            api_hash=api_hash,
            model=device.model,
            system=device.system,
            app=device.app,
            lang=device.lang,
        )
        self.server, self.deadlines = server, deadlines or Deadlines()
        self._clock, self._sleep = clock, sleep
        self._admission = Admission(
            proxies or Proxies(),
            ConnectQueue(connect_limit or ConnectLimit(), clock=clock, sleep=sleep),
            OutageWatch(outage_limit, tell=on_outage),
            clock=clock,
            on_held=self._let_go,
        )
        self._by_name: dict[str, Client] = {}
        self._by_key: dict[int, Client] = {}
        self.api = self._admission.api
        """Whether Telegram refuses the app itself."""
        self._logins: set[WardenClient] = set()
        self._turns: dict[Hashable, tuple[asyncio.Lock, int]] = {}
        if server is not None and server.pem is not None:
            rsa.add_key(server.pem, old=False)

    def change(
        self, *, proxies: Proxies, connect_limit: ConnectLimit, deadlines: Deadlines
    ) -> None:
        """Let other ways, limits and deadlines hold from now on; who is connected stays so."""
        self._admission.change(proxies=proxies, limit=connect_limit)
        self.deadlines = deadlines

    @property
    def api_id(self) -> int:
        """The app's own id."""
        return self._greeting.api_id

    def __repr__(self) -> str:
        return f"<Gateway api_id={self.api_id} clients={len(self._by_name)}>"

    def check_servers(self, parts: SessionString) -> None:
        """Refuse a login that is not of the servers to which this gateway connects.

        Raises:
            OtherServersError: it is of Telegram's test servers, or of Telegram itself where
                another server stands in for it.
        """
        if self.server is None:
            if parts.host in TEST_HOSTS:
                raise OtherServersError("of Telegram's test servers", "Telegram itself")
        elif parts.dc_id != self.server.dc_id and ipaddress.ip_address(parts.host).is_global:
            here = f"{self.server.host}:{self.server.port} alone"
            raise OtherServersError(f"at {parts.host}, data centre {parts.dc_id}", here)

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients that are open, oldest first."""
        return tuple(self._by_name.values())

    async def open(
        self,
        name: str,
        session: WardenSession,
        on_event: Callable[[ClientEvent], None],
        *,
        deadline: float | None = None,
        gate: Gate | None = None,
    ) -> Client:
        """Connect ``session`` and return its client, proven by an authorised call.

        An earlier client of this name or key is closed first, however it stands. ``deadline``
        (seconds) counts from the moment the connect limit lets it through. ``gate`` knows which
        calls must wait. On any failure the true error comes out and nothing stays open.

        Raises:
            SessionStringDamagedError: the session holds no key; log in first.
            TelegramRateLimitError: Telegram refused this host's address a moment ago (-429); no
                packet was sent.
            TelegramSessionError: Telegram has refused the app itself (``api``); no packet either.
        """
        if session.key_id is None:
            raise SessionStringDamagedError("holds no key")
        async with self._turn(name), self._turn(session.key_id):
            await self._dispose(name, session.key_id)
            self._place(session)
            route = self._admission.route(name, session)
            await self._admission.acquire(name, route)
            make = functools.partial(self.make, proxy=route.proxy)
            client = Client(name, session, on_event, clock=self._clock, make=make, gate=gate)
            self._by_name[name] = client
            if client.opened_key is not None:
                self._by_key[client.opened_key] = client
            try:
                with route.translate_errors():
                    await client.start(deadline=deadline or self.deadlines.connect)
                self._admission.check_held(name)  # the app may have been refused meanwhile
            except BaseException as error:
                self._admission.record_failure(name, route, error)
                await self._discard(client)
                raise
            self._admission.record_success(name, route)
            client.disconnected.add_done_callback(functools.partial(self._ended, name))
            return client

    async def wait_outage_over(self, name: str) -> None:
        """Wait until the address that refused so many, ``name`` among them, serves again."""
        await self._admission.wait_closed(name)

    async def close(self, name: str, *, deadline: float | None = None) -> bool:
        """Close the client of that name, if any; return whether it went by itself."""
        async with self._turn(name):
            client = self._by_name.get(name)
            return True if client is None else await self._discard(client, deadline=deadline)

    async def close_all(self, *, deadline: float | None = None) -> CloseReport:
        """Close every client at once and tell how they went."""
        clients = self.clients
        await asyncio.gather(*(wire.close() for wire in tuple(self._logins)))
        went = await asyncio.gather(*(self._discard(one, deadline=deadline) for one in clients))
        names = tuple(zip((client.name for client in clients), went, strict=True))
        return CloseReport(
            closed=tuple(name for name, well in names if well),
            cut=tuple(name for name, well in names if not well),
        )

    def make(
        self, session: WardenSession, *, proxy: Proxy | None = None, **hooks: Any
    ) -> WardenClient:
        """Build an unconnected wire client; for this room's own use."""
        return WardenClient(
            session,
            self._greeting,
            proxy=proxy,
            sleep=self._sleep,
            ping_every=self.deadlines.ping,
            pong_within=self.deadlines.pong,
            **hooks,
        )

    @contextlib.asynccontextmanager
    async def connect_for_login(
        self, name: str, session: WardenSession, hooks: dict[str, Any]
    ) -> AsyncIterator[WardenClient]:
        """Connect without a login, for a login of ``name``; closed when the block ends.

        Raises:
            TelegramRateLimitError: as ``open``; no packet was sent.
        """
        self._place(session)
        route = self._admission.route(name, session)
        await self._admission.acquire_for_login(name, route)
        wire = self.make(session, proxy=route.proxy, **hooks)
        self._logins.add(wire)
        try:
            with route.translate_errors():
                async with asyncio.timeout(self.deadlines.connect):
                    await wire.connect()
            self.api.end()
            yield wire
        finally:
            self._logins.discard(wire)
            await wire.close()

    def refused(self, name: str, error: Exception) -> None:
        """A login of ``name`` met ``error``, which may concern others."""
        self._admission.refused(name, error)

    def egress(self, name: str) -> str:
        """From where a session's connections come: this host, or its proxy."""
        return self._admission.egress(name)

    def back_off(self, name: str, seconds: float) -> None:
        """Connect nowhere for so long, from where the connections of ``name`` come.

        Telegram counts connections by the address they come from: what one data centre said (-429)
        holds for all of them.
        """
        self._admission.back_off(name, seconds)

    def hold_api(self, verdict: Verdict) -> None:
        """Telegram refuses the app: whoever is connected is let go, and nobody else comes."""
        self._admission.hold(verdict)

    def _let_go(self, verdict: Verdict) -> None:
        for client in self.clients:
            client.end(error_of(verdict, session=client.name))

    def _place(self, session: WardenSession) -> None:
        """Point a session at the server that stands in for its data centre."""
        server = self.server
        if server is not None and session.dc_id in (0, server.dc_id):
            session.set_dc(server.dc_id, server.host, server.port)

    def _ended(self, name: str, lost: asyncio.Future[BaseException | None]) -> None:
        if (reason := lost.result()) is not None:
            self._admission.refused(name, reason)

    async def _dispose(self, name: str, key_id: int | None) -> None:
        for earlier in (self._by_name.get(name), self._by_key.get(key_id or 0)):
            if earlier is not None:
                logger.info("client replaced session=%s", earlier.name)
                await self._discard(earlier)

    async def _discard(self, client: Client, *, deadline: float | None = None) -> bool:
        ending = asyncio.ensure_future(self._end(client, deadline or self.deadlines.close))
        # Whoever is cancelled here must not leave a connection behind: the key would have two.
        return await asyncio.shield(ending)

    async def _end(self, client: Client, deadline: float) -> bool:
        try:
            return await client.close(deadline=deadline)
        finally:
            if self._by_name.get(client.name) is client:
                del self._by_name[client.name]
            if self._by_key.get(client.opened_key or 0) is client:
                del self._by_key[client.opened_key or 0]

    @contextlib.asynccontextmanager
    async def _turn(self, key: Hashable) -> AsyncIterator[None]:
        """One at a time for each name and each key."""
        if key is None:
            yield
            return
        lock, users = self._turns.get(key, (asyncio.Lock(), 0))
        self._turns[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._turns[key]
            if users == 1:
                del self._turns[key]
            else:
                self._turns[key] = lock, users - 1

"""The bot's line to Telegram: its sign-in by token, its kept key, one connection at a time.

Owns the key, sealed in a file of its own, its lease and its floods. When to try again, and after
what pause, is decided by the actor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ...actors import Services
from ...actors.session.flood_waits import (
    CONNECT,
    OPENING,
    FloodWaits,
    floods_of,
    persist_connect_flood,
    refused,
)
from ...errors import SessionFileDamagedError, SessionStringDamagedError, WrongMasterKeyError
from ...storage import SessionFiles, Store
from ...telegram import (
    Client,
    ClientEvent,
    LoginFlow,
    SessionString,
    WardenSession,
    classify,
    parse_string,
)

logger = logging.getLogger(__name__)

NAME: Final = "admin bot"  # no session can be called that: it has a blank
FILE: Final = "bot"
SIGN_IN: Final = "auth.importBotAuthorization"
CLIENT_WITHIN: Final = 120.0  # seconds that an answer waits for the line to come back


@dataclass(slots=True)
class LineMemory:
    """What outlives an incarnation: how far updates were heard, and the connections' count.

    So that what is said while the bot is restarted is heard afterwards.
    """

    session: WardenSession | None = None
    generation: int = 0


class BotLine:
    """The line of one bot.

    Args:
        services: what the warden's actors share.
        memory: what the incarnation before has left.
        token: reads the bot's token.
        files: where the sealed key is.
        hear: told what the client hears, with the connection's number.
        doubted: told that Telegram does not take the key any more, as a call has found out.
    """

    def __init__(
        self,
        services: Services,
        memory: LineMemory,
        *,
        token: Callable[[], str],
        files: Callable[[Store], SessionFiles],
        hear: Callable[[int, ClientEvent], None],
        doubted: Callable[[], None],
    ) -> None:
        self._services, self._memory = services, memory
        self._token, self._files, self._hear, self._doubted = token, files, hear, doubted
        self._floods = FloodWaits(NAME, services)
        self._client: Client | None = None
        self._there = asyncio.Event()

    @property
    def now(self) -> float:
        """Telegram's time in epoch seconds, as near as is known."""
        told = None if self._client is None else self._client.told_time
        loop = asyncio.get_running_loop()
        return self._services.stamp() if told is None else told + loop.time()

    @property
    def generation(self) -> int:
        """The number of the present connection."""
        return self._memory.generation

    @property
    def up(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._client is not None

    def doubt(self) -> None:
        """A call was told that the key is dead: work with this client no more."""
        if self._client is not None:
            self.drop()
            self._doubted()

    async def probe(self) -> None:
        """Ask Telegram for a sign of life, if there is a connection; raises what it says."""
        if self._client is not None:
            await self._client.probe()

    async def client(self) -> Client:
        """The connected client; waits for it.

        Raises:
            TimeoutError: it did not come back in time.
        """
        async with asyncio.timeout(CLIENT_WITHIN):
            await self._there.wait()
        assert self._client is not None  # noqa: S101 - the event says so
        return self._client

    async def open(self) -> Client:
        """Connect, by the kept key or a fresh sign-in; a key that is dead is replaced once.

        Raises:
            SecretMissingError: the token is not where the configuration says.
            Exception: what Telegram or the network said.
        """
        self.drop()
        await self._refuse_early(CONNECT, OPENING[0])
        session = self._memory.session or await self._kept() or await self._sign_in()
        try:
            self._client = await self._opened(session)
        except Exception as error:
            verdict = classify(error)
            if not verdict.latches_key or session.key_id is None:
                persist_connect_flood(self._services, NAME, error)
                raise
            logger.warning("bot's key is dead why=%s; signing in anew", verdict.name)
            await self._forget(session.key_id, verdict.name)
            self._client = await self._opened(await self._sign_in())
        self._there.set()
        return self._client

    def drop(self) -> None:
        """Work with no client any more: its line is lost."""
        self._there.clear()
        self._client = None

    async def close(self, *, deadline: float) -> None:
        """Prove the client off within ``deadline`` seconds, then let the key go."""
        if self._client is not None:
            self._client.save_states()
        self._memory.generation += 1  # that it is lost is no news
        self.drop()
        await self._services.gateway.close(NAME, deadline=deadline)
        self._services.keys.release_of(NAME)

    async def _opened(self, session: WardenSession) -> Client:
        services = self._services
        if session.key_id is not None:
            key = session.parts.key
            await services.keys.acquire(session.key_id, session=NAME, key=key)
        self._memory.generation += 1
        generation = self.generation
        client = await services.gateway.open(
            NAME,
            session,
            lambda told: self._hear(generation, told),
            deadline=services.settings.connect_deadline,
            gate=self._floods,
        )
        # What it has heard so far is known to it alone: what is said while the line is down for a
        # moment is caught up, and what was said while this process was not there is not.
        self._memory.session = session
        return client

    async def _kept(self) -> WardenSession | None:
        parts = await self._services.journal.do(self._read)
        return None if parts is None else WardenSession.from_parts(parts)

    def _read(self, store: Store) -> SessionString | None:
        """The kept key; what is damaged, dead or under another master key is as good as none."""
        files = self._files(store)
        unusable = (SessionFileDamagedError, SessionStringDamagedError, WrongMasterKeyError)
        with contextlib.suppress(*unusable):
            if files.exists(FILE):
                parts = parse_string(files.read(FILE))
                return parts if store.latched(parts.key_id) is None else None
        return None

    async def _sign_in(self) -> WardenSession:
        token = self._token()
        await self._refuse_early(SIGN_IN)
        async with LoginFlow(self._services.gateway, name=NAME) as flow:
            try:
                done = await flow.submit_token(token)
            except Exception as error:
                verdict = classify(error)
                if verdict.wait:
                    self._floods.flooded((SIGN_IN, None), verdict)
                raise
        string, parts = done.string, done.session.parts
        key_id, dc_id = parts.key_id, parts.dc_id
        await self._services.keys.acquire(key_id, session=NAME, key=parts.key)
        self._services.keys.keep_only(key_id, session=NAME)
        await self._services.journal.do(
            lambda store: self._files(store).write(FILE, string, key_id=key_id, dc_id=dc_id)
        )
        logger.info("bot signed in user=%d", done.user_id)
        return done.session

    async def _refuse_early(self, *methods: str) -> None:
        """Raise for what Telegram has asked to wait with, in this process or an earlier one."""
        services, now = self._services, self._services.now()
        egress = services.gateway.egress(NAME)
        rows, crowded = await services.journal.do(lambda store: floods_of(store, egress, NAME))
        self._floods.remember(
            {(row.method, row.chat): row.until for row in rows if row.until > now},
            {(row.method, row.chat): row for row in rows},
        )
        waits = {row.method: row.until for row in rows} | {CONNECT: crowded}
        for method in methods:
            if (until := waits.get(method, 0.0)) > now:
                raise refused(NAME, (method, None), until - now, until)

    async def _forget(self, key_id: int, reason: str) -> None:
        """Latch a dead key and let it go."""
        services, at = self._services, self._services.stamp()
        self._memory.session = None
        await services.gateway.close(NAME)
        await services.journal.do(lambda store: store.latch_key(key_id, reason, at))
        services.keys.release(key_id)

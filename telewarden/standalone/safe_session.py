"""Safe use of one session outside a running warden.

``safe_session`` takes the lease on the session's key before the first packet and lets it go when
the client is proven off: at the end of the block, by an exception, or by SIGTERM. A running
warden, or another script, that has the session is named in the refusal. Whoever had it may have
renewed the login meanwhile: it is read again once the lease is held, and a key that it does not
name any more is let go, unused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

from ..api.checks import a_callback, a_text, seconds
from ..config import Config
from ..config.mapping import proxies_of, refuse_invented
from ..errors import (
    BlockingAskError,
    CredentialDamagedError,
    KeyLatchedError,
    LeaseHeldError,
    NoCredentialError,
    UnknownSessionError,
)
from ..service.loopback_server import standin
from ..service.paths import StoragePaths, config_of, master_key_of
from ..storage import Credential, Epoch, LeaseGrant, LeaseHolder, LeaseWait, Store
from ..telegram import Client, Gateway, ServerAddress, WardenSession, parse_string
from .flood_gate import (
    FloodNotes,
    LedgerGate,
    flood_deadlines,
    kills_key,
    note_dead_key,
    our_errors,
    pass_over,
)
from .key_origin import keys_behind

logger = logging.getLogger(__name__)

INSIDE: Final = "_telewarden_blocks"  # the attribute of a loop that holds who is in a block
BLOCKS: Final[ContextVar[tuple[int, ...]]] = ContextVar("telewarden_blocks", default=())
"""The keys of the blocks that this task, or this thread, is in, outermost first."""
CLOSE_WITHIN: Final = 10.0  # seconds that the client gets to disconnect


class SafeSession:
    """One session that is ours while the block lasts. Made by ``safe_session``."""

    def __init__(
        self, name: str, string: str, client: Client | None, gate: LedgerGate | None = None
    ) -> None:
        self.name, self._string, self._client, self._gate = name, string, client, gate

    def __repr__(self) -> str:
        return f"<SafeSession {self.name}>"

    @property
    def string(self) -> str:
        """The session string: a secret. It is safe to use until the block ends."""
        return self._string

    @property
    def client(self) -> Client:
        """The connected client.

        Raises:
            RuntimeError: the block was entered with ``connect=False``.
        """
        if self._client is None:
            raise RuntimeError("entered with connect=False; there is no client")
        return self._client

    async def call(self, request: Any, *, deadline: float = 30.0) -> Any:
        """Make one Telegram request and return its answer.

        Args:
            request: a Telethon TL request.
            deadline: seconds.

        Raises:
            TelegramRateLimitError: it must wait until ``deadline``, which is on record by then; a
                method that Telegram asked to wait with, here, in an earlier block or in a
                warden's life before, costs no packet.
            TelegramAuthError: the login or the key is the trouble.
            TelegramSessionError: the line, the account, the chat or the request is.
            RuntimeError: the block was entered with ``connect=False``.

        As with a warden's session each has the class, the advice and, as ``__cause__``, what
        Telethon raised.

        Example::

            from telethon.tl.functions.help import GetNearestDcRequest

            async with safe_session("forwarding.toml", "alice") as alice:
                nearest = await alice.call(GetNearestDcRequest())
        """
        client = self.client
        with our_errors(self.name):
            try:
                return await client.call(request, deadline=deadline)
            finally:
                if self._gate is not None:
                    await self._gate.stored()


class safe_session:  # noqa: N801 - used like a function, as contextlib's own are
    """Own a session for the length of a block.

    With ``async with`` in a coroutine, or with a plain ``with``, where ``run`` does coroutines::

        async with safe_session("forwarding.toml", "alice") as alice:
            await alice.call(request)

    Args:
        config: a configuration, its tables, or the path of its file.
        name: the session.
        purpose: what others are told who want it meanwhile.
        connect: open a client; False for the lease and the string alone.
        timeout: seconds to wait for somebody else to let go, however often the login is renewed
            meanwhile; the configuration's by default.
        progress: told about once a second who is waited for.
        server: a data centre to use instead of Telegram's. With a ``[loopback]`` table in the
            configuration it is the running warden's, or one that runs for the block.

    Raises:
        LeaseHeldError: somebody else had it all the time, and who; no packet was sent.
        KeyLatchedError: the key is dead; no packet was sent.
        UnknownSessionError, NoCredentialError: there is no such session, or no login of it.
        InvalidRecordError: a name, a purpose or a time is none.
        TelegramError: Telegram does not take the login, or cannot be reached; also, and without a
            packet, while Telegram has asked to wait with what proves a login.
    """

    def __init__(
        self,
        config: Config | Mapping[str, Any] | Path | str,
        name: str,
        *,
        purpose: str = "safe_session",
        connect: bool = True,
        timeout: float | None = None,
        progress: Callable[[LeaseWait], object] | None = None,
        server: ServerAddress | None = None,
    ) -> None:
        self._config, self._name = config_of(config), a_text("name", name, "a session's name")
        self._purpose = a_text("purpose", purpose, "what for, in a few words")
        self._connect, self._server = connect, server
        self._timeout = seconds("timeout", timeout, default=self._config.storage.lease_timeout)
        self._progress = None if progress is None else a_callback("progress", progress)
        self._stack: contextlib.AsyncExitStack | None = None
        self._runner: asyncio.Runner | None = None
        self._key_id = 0  # until it is entered

    async def __aenter__(self) -> SafeSession:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(_cancelled_by_sigterm())
            found = await self._owned(stack)
            self._key_id = found.key_id
            if not self._connect:
                session = SafeSession(self._name, found.session_string, None)
            else:
                server = await stack.enter_async_context(self._placed())
                session = await stack.enter_async_context(self._opened(found, server))
            self._stack = stack.pop_all()
            BLOCKS.set((*BLOCKS.get(), self._key_id))
            return session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, None
        around = BLOCKS.get()
        BLOCKS.set(around[:-1])
        if error is not None and kills_key(error) and self._is_of_its_key(error, around):
            await self._latch(error)
        if stack is not None:
            # Not with the error: it is the block's own, and nothing here is to swallow it.
            await asyncio.shield(stack.aclose())

    def __enter__(self) -> Self:
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the one that does not raise
            raise BlockingAskError("safe_session", way="use `async with` there")
        self._runner = asyncio.Runner()
        self._undo_sigterm = _exit_by_sigterm()
        try:
            self._session = self._runner.run(self.__aenter__())
        except BaseException:  # Ctrl-C too: nobody calls __exit__ for a block not entered
            self._undo_sigterm()
            self._runner.close()
            raise
        BLOCKS.set((*BLOCKS.get(), self._key_id))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._runner is not None  # noqa: S101 - __enter__ made it
        try:
            self._runner.run(self.__aexit__(kind, error, traceback))
        finally:
            BLOCKS.set(BLOCKS.get()[:-1])
            self._undo_sigterm()
            self._runner.close()
            self._runner = None

    def call(self, request: Any, *, deadline: float = 30.0) -> Any:
        """In a plain ``with``: make one request; raises what ``SafeSession.call`` raises."""
        assert self._runner is not None, "enter it with a plain 'with' first"  # noqa: S101
        return self._runner.run(self._session.call(request, deadline=deadline))

    @property
    def string(self) -> str:
        """In a plain ``with``: the session string, a secret."""
        return self._session.string

    def _is_of_its_key(self, error: BaseException, around: tuple[int, ...]) -> bool:
        """Whether an error was met with this block's key, not with that of one around it."""
        keys = keys_behind(error)
        if not keys and len(set(around)) > 1:
            pass_over(error)
            logger.warning(
                "a key is dead, and not known which session=%s error=%s blocks=%d;"
                " the next use of each tells",
                self._name,
                type(error).__name__,
                len(around),
            )
        return self._key_id in keys if keys else len(set(around)) <= 1

    async def _latch(self, error: BaseException) -> None:
        """An error of a client that the block has made itself, with the string, ends its key."""
        notes = FloodNotes(StoragePaths(self._config).database)
        note_dead_key(notes, self._key_id, error, time.time())
        await asyncio.shield(notes.close())

    async def _owned(self, stack: contextlib.AsyncExitStack) -> Credential:
        """The login as it is while the lease on its key is ours; the stack lets the key go."""
        began, found = time.monotonic(), await self._login()
        while True:
            with contextlib.ExitStack() as held:
                held.enter_context(await self._leased(found, began))
                present = await self._login()  # who had the lease may have put another in its place
                if present.key_id == found.key_id:
                    stack.enter_context(held.pop_all())
                    return present
            found = present

    async def _login(self) -> Credential:
        return await asyncio.to_thread(stored_login, self._config, self._name)

    async def _leased(self, login: Credential, began: float) -> LeaseGrant:
        key_id, key = login.key_id, parse_string(login.session_string).key
        spent = time.monotonic() - began

        def tell(wait: LeaseWait) -> None:
            if self._progress is not None:
                whole = replace(wait, waited=spent + wait.waited, timeout=self._timeout)
                self._progress(whole)

        try:
            return (
                await StoragePaths(self._config)
                .lease()
                .acquire_async(
                    key_id,
                    owner=LeaseHolder.current(self._purpose),
                    timeout=max(self._timeout - spent, 0.0),
                    progress=tell,
                    key=key,
                )
            )
        except LeaseHeldError as error:
            raise LeaseHeldError(key_id, error.holder, waited=spent + error.waited) from None

    @contextlib.asynccontextmanager
    async def _placed(self) -> AsyncIterator[ServerAddress | None]:
        """The data centre to connect to; ``None`` for the real Telegram."""
        if self._server is not None:
            yield self._server
            return
        async with standin(self._config) as here:
            yield None if here is None else here.server

    @contextlib.asynccontextmanager
    async def _opened(
        self, found: Credential, server: ServerAddress | None
    ) -> AsyncIterator[SafeSession]:
        refuse_invented(self._config, server)
        gateway = Gateway(
            self._config.telegram.api_id,
            self._config.api_hash().get_secret_value(),
            server=server,
            proxies=proxies_of(self._config),
        )
        egress, epoch = gateway.egress(self._name), Epoch()
        # Read now: who had the lease before may have been asked to wait until then.
        until, cooling = await asyncio.to_thread(
            flood_deadlines, self._config, self._name, egress, epoch
        )
        notes = FloodNotes(StoragePaths(self._config).database)
        gate = LedgerGate(self._name, found.key_id, egress, until, notes, now=epoch.now)
        gate.check_opening()
        gateway.back_off(self._name, cooling - epoch.now())
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(gate.close)  # after the client, whose end may say more
            stack.push_async_callback(gateway.close_all, deadline=CLOSE_WITHIN)
            client = await self._client_of(gateway, found.session_string, gate)
            client.disconnected.add_done_callback(lambda lost: gate.lost(lost.result()))
            yield SafeSession(self._name, found.session_string, client, gate)

    async def _client_of(self, gateway: Gateway, string: str, gate: LedgerGate) -> Client:
        with our_errors(self._name):
            try:
                return await gateway.open(
                    self._name,
                    WardenSession.from_string(string),
                    gate.told,
                    deadline=self._config.telegram.connect_deadline,
                    gate=gate,
                )
            except Exception as error:
                gate.opening_failed(error)
                raise


def stored_login(config: Config, name: str) -> Credential:
    """Read a session's login from the database, or from its sealed file; nothing is changed.

    Raises:
        UnknownSessionError: there is no such session.
        NoCredentialError: it has no login.
        KeyLatchedError: its key is dead.
        StorageError: the database or the master key cannot be used.
    """
    places = StoragePaths(config)
    with Store.open_reader(places.database, master_key_of(config)) as store:
        if store.session(name) is None:
            raise UnknownSessionError(name, tuple(one.name for one in store.sessions()))
        found = _login_in(places, store, name)
        latch = store.latched(found.key_id)
        if latch is not None:
            raise KeyLatchedError(found.key_id, latch.reason)
        return found


def _login_in(places: StoragePaths, store: Store, name: str) -> Credential:
    with contextlib.suppress(CredentialDamagedError):
        found = store.credential(name)
        if found is not None:
            return found
    files = places.files(store)
    if not files.exists(name):
        raise NoCredentialError(name)
    string = files.read(name)
    parts = parse_string(string)
    return Credential(name=name, session_string=string, key_id=parts.key_id, dc_id=parts.dc_id)


def _exit_by_sigterm() -> Callable[[], object]:
    """Make SIGTERM unwind the block, as Ctrl-C does; returns how to undo that."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    return lambda: signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let SIGTERM cancel the task that is in the block, where the loop can hear signals.

    A loop has one ear for all of its blocks, and the loop itself holds who listens by it.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    inside: list[asyncio.Task[Any]] | None = getattr(loop, INSIDE, None)
    if inside is None:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield  # the app hears the signal itself, and ends its tasks
            return
        setattr(loop, INSIDE, inside := [])
        loop.add_signal_handler(signal.SIGTERM, _cancel_all, inside)
    inside.append(task)
    try:
        yield
    finally:
        inside.remove(task)
        if not inside:
            delattr(loop, INSIDE)
            loop.remove_signal_handler(signal.SIGTERM)


def _cancel_all(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()

"""One simulated process: a warden on its folder, which may be killed at any moment.

What the kernel does for a real process when it dies is done here: its locks are free, its
connections break, its threads are gone; what it had written is on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pykka

from telewarden import Warden
from telewarden.actors import journal as journal_module
from telewarden.actors.forwarding import context as group_context
from telewarden.config import parse_config
from telewarden.errors import TelegramRateLimitError
from telewarden.loopback import engine as engine_module
from telewarden.service import key_rotation as rotation_module
from telewarden.service import observation as observation_module
from telewarden.service import stored_figures as figures_module
from telewarden.storage import store as store_module
from telewarden.storage.leases import grant as grant_module
from telewarden.storage.leases import lease as lease_module
from telewarden.storage.leases import machine_claim as claim_module
from telewarden.supervision.runtime import mailbox as mailbox_module
from telewarden.supervision.runtime import thread_runner as thread_runner_module
from telewarden.supervision.supervisor import root as root_module
from telewarden.telegram import Phase

from . import threads
from .loop import NodeLoop, Scheduler
from .network import Network
from .threads import SimQueue, SimThread, SimTimer, run_in_thread

__all__ = ["Process", "install"]

SETTLE_WITHIN: Final = 120.0  # virtual seconds
CODE: Final = "22222"  # what the data centre sends everybody
# Virtual seconds between two looks at everything that nobody asked for; in between, operators and
# the judge ask. At the warden's own five seconds, that was a quarter of all callbacks; what is
# stored, and only shown, took a tenth of the time, and a twentieth still at twenty seconds.
OBSERVE_EVERY: Final = 60.0


class _Kernel:
    """What each process holds of the machine, so that it can be taken when it dies."""

    def __init__(self) -> None:
        self.scheduler: Scheduler | None = None
        self.network: Network | None = None
        self.held: dict[NodeLoop, list[Any]] = {}
        self.claims: dict[int, NodeLoop] = {}
        self.groups: dict[Any, Any] = {}
        """Worker groups, by loop, session and name."""

    def begin(self, scheduler: Scheduler, network: Network) -> None:
        """A machine on which nothing runs yet."""
        self.scheduler, self.network = scheduler, network
        self.held.clear()
        self.claims.clear()
        self.groups.clear()

    def end(self) -> None:
        """Nothing runs any more."""
        self.scheduler = self.network = None

    def note(self, thing: Any) -> None:
        loop = None if self.scheduler is None else self.scheduler.current
        if loop is not None:
            open_ones = filter(_is_open, self.held.get(loop, ()))
            self.held[loop] = [*open_ones, thing]


def _is_open(thing: Any) -> bool:
    """Whether a process still holds a lease, a marker, or a database."""
    if isinstance(thing, store_module.Store):
        return thing._lock is not None
    return thing.held


KERNEL: Final = _Kernel()


class _NoWatchdog:
    """There is nothing to see from outside: the loop's time is the simulation's."""

    lag = 0.0
    is_alive = False

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def stop(self) -> None:
        pass


class _Marker:
    """That keys are being changed; whoever dies with it leaves the file, and no lock."""

    def __init__(self, path: Path) -> None:
        self._lock = _marked(path)
        self.held = False

    def __enter__(self) -> None:
        self._lock.__enter__()
        self.held = True
        KERNEL.note(self)

    def __exit__(self, *_: object) -> None:
        if self.held:  # what is left of a killed process is thrown away in the end
            self.held = False
            self._lock.__exit__(None, None, None)


_marked: Final = rotation_module._marked


class _Claim:
    def __init__(self, key_id: int, loop: NodeLoop) -> None:
        self.key_id, self.loop = key_id, loop

    def close(self) -> None:
        if KERNEL.claims.get(self.key_id) is self.loop:
            del KERNEL.claims[self.key_id]


def _claim(key_id: int, key: bytes | None = None) -> _Claim | None:
    assert KERNEL.scheduler is not None
    loop = KERNEL.scheduler.current
    assert loop is not None
    if key_id in KERNEL.claims:
        return None
    KERNEL.claims[key_id] = loop
    return _Claim(key_id, loop)


def install() -> None:
    """Put the simulation below the product: sockets, threads, and what the kernel keeps."""
    threads.install()
    thread_runner_module.threading = SimpleNamespace(Thread=SimThread)  # type: ignore[attr-defined]
    thread_runner_module.SimpleQueue = SimQueue  # type: ignore[attr-defined]
    mailbox_module.SimpleQueue = SimQueue  # type: ignore[attr-defined]
    journal_module.threading = SimpleNamespace(Timer=SimTimer)  # type: ignore[attr-defined]
    root_module.LoopWatchdog = _NoWatchdog  # type: ignore[attr-defined]
    observation_module.OBSERVE_EVERY = OBSERVE_EVERY  # type: ignore[misc]
    figures_module.LOOK_EVERY = OBSERVE_EVERY  # type: ignore[misc]
    engine_module.socket = SimpleNamespace(  # type: ignore[attr-defined]
        create_server=lambda *a, **k: KERNEL.network.bind(*a, **k)  # type: ignore[union-attr]
    )
    lease_module.claim = _claim  # type: ignore[attr-defined]
    lease_module.claimant = lambda key: os.getpid() if key in KERNEL.claims else None  # type: ignore[attr-defined]
    claim_module.claim = _claim  # type: ignore[attr-defined]
    rotation_module._marked = _Marker  # type: ignore[assignment]
    _note_made(grant_module.LeaseGrant)
    _note_made(store_module.Store)
    _note_groups()


def _note_groups() -> None:
    """Know each worker group's newest incarnation, to see what its pairs keep."""
    made = group_context.GroupContext.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        if KERNEL.scheduler is not None:
            KERNEL.groups[KERNEL.scheduler.current, self.session, self.name] = self

    group_context.GroupContext.__init__ = init  # type: ignore[method-assign]


def _note_made(cls: Any) -> None:
    made = cls.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        KERNEL.note(self)

    cls.__init__ = init


class Process:
    """A warden's process on one folder.

    Args:
        scheduler, network: where it runs.
        name: in traces.
        base: its folder.
        server: the data centre.
        hear: told every event.
        strings: gives a session string for a session's name, for a login; ``None`` for one that
            is made by code.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        network: Network,
        *,
        name: str,
        base: Path,
        tables: dict[str, Any],
        server: Any,
        hear: Callable[[Any], object],
        trouble: Callable[[str], object],
        strings: Callable[[str], str | None],
        handlers: dict[str, Any] | None = None,
    ) -> None:
        self._scheduler, self._network = scheduler, network
        self.name, self.base, self.tables, self.server = name, base, tables, server
        self._hear, self._trouble, self._strings = hear, trouble, strings
        self._handlers = handlers or {}
        self.loop: NodeLoop | None = None
        self.warden: Warden | None = None
        self.lives = 0
        base.mkdir(parents=True, exist_ok=True)

    @property
    def running(self) -> bool:
        return self.warden is not None

    def start(self) -> asyncio.Future[None]:
        """Start; the future is the caller's, done when the tree runs and logins are there."""
        self.lives += 1
        loop = NodeLoop(self._scheduler, f"{self.name}#{self.lives}")
        loop.network, loop.run_in_thread = self._network, run_in_thread
        loop.trouble = self._loop_trouble
        self.loop = loop
        return self.call(self._boot)

    def call(self, work: Callable[[], Awaitable[Any]]) -> asyncio.Future[Any]:
        """Do something in the process; the answer comes back to the caller's loop."""
        caller = asyncio.get_running_loop()
        answer = caller.create_future()
        loop = self.loop
        assert loop is not None

        async def there() -> None:
            try:
                result = await work()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - it is the caller's
                caller.call_soon(_settle, answer, None, error)
            else:
                caller.call_soon(_settle, answer, result, None)

        loop.call_soon(lambda: loop.create_task(there()))
        return answer

    async def _boot(self) -> None:
        config = parse_config(self.tables, base=self.base).model_copy(update={"console": None})
        warden = Warden(config, server=self.server, handlers=self._handlers)
        warden.events.subscribe(self._hear)
        await warden.start()
        self.warden = warden

    async def sign_in(self) -> None:
        """See that every session has a login."""
        assert self.warden is not None
        for session in self.warden.config.sessions:
            if session.name not in self.warden.sessions:
                await self.warden.sessions.register(session.name, phone=session.phone)
            if await self._settled(session.name) is Phase.NEEDS_LOGIN:
                await self._log_in(session.name)

    async def _log_in(self, name: str) -> None:
        assert self.warden is not None
        handle, string = self.warden.session(name), self._strings(name)
        if string is not None:
            await self._import(handle, string)
        elif await handle.login("start") is Phase.AWAITING_CODE:
            await handle.login("code", CODE)

    async def _import(self, handle: Any, string: str) -> None:
        """Take a login in; if Telegram wants a pause first, after it."""
        while True:
            try:
                await handle.import_string(string)
            except TelegramRateLimitError:
                await asyncio.sleep(1.0)
            else:
                return

    async def _settled(self, name: str) -> Phase:
        assert self.warden is not None
        handle = self.warden.session(name)
        async with asyncio.timeout(SETTLE_WITHIN):
            while (phase := (await handle.report()).phase) in {Phase.REGISTERED, Phase.RECOVERING}:
                await asyncio.sleep(0.05)
        return phase

    def beside(self) -> Process:
        """Another process that is started on the same folder."""
        return Process(
            self._scheduler,
            self._network,
            name="second",
            base=self.base,
            tables=self.tables,
            server=self.server,
            hear=lambda _: None,
            trouble=self._trouble,
            strings=self._strings,
            handlers=self._handlers,
        )

    def vanish(self) -> None:
        """End a process that has the folder beside another one."""
        loop, self.loop, self.warden = self.loop, None, None
        if loop is not None:
            loop.kill()
            self._bury(loop)

    def pair_states(self) -> list[Any]:
        """Where the pairs of this process stand, as its worker groups have them."""
        groups = [one for (loop, *_), one in KERNEL.groups.items() if loop is self.loop]
        return [state for group in groups for state in group.pairs.values()]

    def stop(self) -> asyncio.Future[Any]:
        """Stop in good order."""
        warden, self.warden = self.warden, None
        assert warden is not None
        return self.call(warden.stop)

    def gone(self) -> list[str]:
        """After a stop in good order: end the process; returns what it had left behind."""
        loop, self.loop = self.loop, None
        assert loop is not None
        loop.sweep()
        left = [f"task {task.get_name()} {task.get_coro()}" for task in loop.tasks]
        left += [f"timer {timer!r}" for timer in self._scheduler.timers_of(loop)]
        left += [f"thread {thread.name}" for thread in loop.threads]
        left += [f"connection {link.number}" for link in loop.connections if not link.is_closing()]
        left += [
            f"lease {one!r}"
            for one in KERNEL.held.get(loop, ())
            if isinstance(one, grant_module.LeaseGrant) and one.held
        ]
        loop.kill()
        self._bury(loop)
        return left

    def kill(self) -> None:
        """SIGKILL."""
        loop, self.loop, self.warden = self.loop, None, None
        if loop is None:
            return
        database = self.base / "store" / "telewarden.db"
        kept = {}
        for suffix in ("", "-wal"):  # what SQLite would tidy up when its connections are closed
            path = database.with_name(database.name + suffix)
            if path.exists():
                kept[path] = path.read_bytes()
        loop.kill()
        self._bury(loop)
        for path, data in kept.items():
            path.write_bytes(data)
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + "-shm").unlink()
        pykka.ActorRegistry._actor_refs.clear()

    def _bury(self, loop: NodeLoop) -> None:
        """What the kernel does with what a dead process held."""
        for one in KERNEL.held.pop(loop, ()):
            if isinstance(one, grant_module.LeaseGrant):
                handle, one._handle = one._handle, None
                if handle is not None:
                    os.close(handle)
                one._claim.close()
            elif isinstance(one, _Marker):
                one.__exit__()
            else:
                with contextlib.suppress(sqlite3.Error):
                    one._conn.close()
                handle, one._lock = one._lock, None
                if handle is not None:
                    os.close(handle)
        for key, owner in list(KERNEL.claims.items()):
            if owner is loop:
                del KERNEL.claims[key]

    def _loop_trouble(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._trouble(f"loop: {context.get('message')}: {type(error).__name__}: {error}")


def _settle(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)

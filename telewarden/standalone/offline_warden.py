"""Work on the storage folder while no warden runs, with a warden's own handles.

Owns the lease on the folder and a tree of two actors: the journal and the registry, by the same
rules as in a running warden. No session is started, and nothing connects but an import, which
Telegram has to confirm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from ..actors import (
    Board,
    Deleted,
    HandlerFactory,
    Handlers,
    Journal,
    JournalActor,
    KeyLeases,
    Placement,
    RegistryActor,
    RegistryLimits,
    Services,
)
from ..actors.context import CurrentSettings
from ..api.audit import Auditor
from ..api.checks import a_text
from ..api.operations import Operations
from ..api.pairs import Pairs
from ..api.reassign import Reassigning
from ..api.registry import Registry
from ..api.registry_client import RegistryClient
from ..api.sessions import Sessions
from ..config import Config
from ..config.mapping import plans_of, proxies_of, refuse_invented, settings_of
from ..errors import ChildStartError, NotRunningError, TelewardenError
from ..service.database_backups import DatabaseBackups
from ..service.folder_lease import take_folder
from ..service.key_rotation import MasterKeys
from ..service.loopback_server import standin
from ..service.paths import StoragePaths, config_of, counting
from ..service.retention import Retention
from ..storage import Epoch, Store
from ..supervision import ChildSpec, EventStream, Sibling, Strategy, SupervisorSpec, Tree
from ..telegram import Gateway, Overview, ServerAddress
from .offline_pairs import ASKS_TELEGRAM, OfflinePairs, OfflinePairsClient
from .offline_reports import offline_overview
from .offline_session import OfflineSession

T = TypeVar("T")

ENTER_IT: Final = "enter it with 'async with' first"
STOP_WITHIN: Final = 30.0  # seconds; the journal may have a slow disk


class OfflineWarden:
    """What can be done with a storage folder while no warden runs.

    Its handles are those of a running warden, and give the same results::

        async with OfflineWarden("forwarding.toml") as offline:
            await offline.sessions.register("dave", phone="+12025550123")
            await offline.session("alice").export_file("alice.session")

    A warden that is started meanwhile waits for it, for ``lease_timeout`` seconds, and is refused
    then with who has the folder. What needs no database works before it is entered:
    ``backups.list()``; see also ``restore_database``, ``diagnose`` and ``safety_check``.

    Args:
        config: a configuration, its tables, or the path of its file.
        purpose: what others are told who want the folder meanwhile.
        server: a data centre to use instead of Telegram's, and of the one in ``[loopback]``.
        handlers: your own ways to deliver, by the name that pairs use.

    Raises:
        ConfigError: the configuration cannot be used.
        FolderHeldError: a warden runs, or another command works; who, and since when.
        StorageError: the database or the master key cannot be used.
    """

    def __init__(
        self,
        config: Config | Mapping[str, Any] | Path | str,
        *,
        purpose: str = "offline",
        server: ServerAddress | None = None,
        handlers: Mapping[str, HandlerFactory] | None = None,
    ) -> None:
        self.config = config_of(config)
        self._purpose = a_text("purpose", purpose, "what for, in a few words")
        self._server, self._handlers = server, Handlers(handlers or {})
        self._events, self._epoch, self._board = EventStream(), Epoch(), Board()
        self._tree: Tree | None = None
        self._cleanup = contextlib.AsyncExitStack()
        desk = RegistryClient(
            lambda: self._running().ref("registry"),
            self._board,
            self._events,
            wall=self._epoch.now,
        )
        self.registry = Registry(desk)
        pair_desk = OfflinePairsClient(desk, self._journal)
        self._auditor: Auditor = pair_desk.auditor
        self.sessions: Sessions = _OfflineSessions(desk, self.session, self._auditor)
        self.operations: Operations = self.registry.operations
        moves = Reassigning(pair_desk, self.sessions, self.operations)
        self.pairs: Pairs = OfflinePairs(pair_desk, self.sessions, moves, self._handlers.check)
        self.backups = DatabaseBackups(
            self.config, self.operations, master=lambda: self.keys.present
        )
        self.keys = MasterKeys(self.config, self._stored, self.backups.take, self._auditor.noted)
        self.retention = Retention(
            self.config,
            self.operations,
            self._stored,
            self._events.publish,
            wall=self._epoch.now,
        )

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            undo.enter_context(await take_folder(self.config, self._purpose))
            undo.push_async_callback(self._stop)
            await self._start()
            self._cleanup = undo.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self._cleanup.aclose())

    async def overview(self) -> Overview:
        """Every session and pair as far as the database tells, and the floods that last.

        The health monitor's verdicts are those of the last warden.
        """
        names = [entry.name for entry in self.sessions.list()]
        plans = await self.pairs.list()
        found = await self._stored(
            lambda store: offline_overview(store, self._services, names, plans)
        )
        return replace(found, verdicts=self._board.verdicts_by_subject)

    def session(self, name: str) -> OfflineSession:
        """A handle on one session: its report, backups, restore, import and export.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        self.sessions.get(a_text("session", name, "a session's name"))
        return OfflineSession(name, self._services, self._connected, self.operations, self._auditor)

    # Inside

    async def _start(self) -> None:
        await self.keys.read_again()
        await asyncio.to_thread(StoragePaths(self.config).tidy, now=time.time())
        tree = Tree(self._spec(), name="offline", events=self._events)
        try:
            await tree.start()
        except ChildStartError as exc:
            raise exc.cause if isinstance(exc.cause, TelewardenError) else exc from exc
        self._tree = tree
        self._services = self._make_services(tree)
        for report in (await self.overview()).sessions:  # no session is there to tell it
            entry = self._board.current.sessions.get(report.session)
            if entry is not None:
                self._board.put(entry.reported(report))

    async def _stop(self) -> None:
        tree, self._tree = self._tree, None
        if tree is not None:
            await tree.stop(STOP_WITHIN)

    def _running(self) -> Tree:
        if self._tree is None:
            raise NotRunningError("this", ENTER_IT)
        return self._tree

    def _journal(self) -> Journal:
        return Journal(self._running().ref("journal"))

    async def _stored(self, work: Callable[[Store], T]) -> T:
        return await self._journal().do(work, wait_for_disk=False)

    def _spec(self) -> SupervisorSpec:
        database, epoch = StoragePaths(self.config).database, self._epoch
        journal = ChildSpec(
            id="journal",
            actor=JournalActor,
            args=(lambda: counting(database, self.keys.present, epoch),),
            start_timeout=30.0,
            shutdown=STOP_WITHIN,
        )
        registry = ChildSpec(
            id="registry",
            actor=RegistryActor,
            kwargs={
                "plans": plans_of(self.config),
                "journal": Sibling("journal"),
                "board": self._board,
                "events": self._events,
                "wall": epoch.now,
                "limits": RegistryLimits(
                    **self.config.registry.model_dump(),
                    sessions_every=self.config.health.sessions_every,
                ),
            },
        )
        return SupervisorSpec(strategy=Strategy.REST_FOR_ONE, children=(journal, registry))

    def _make_services(self, tree: Tree) -> Services:
        """What the steps on a login share; its gateway has no secret, and opens nothing."""
        places, settings = StoragePaths(self.config), settings_of(self.config)
        return Services(
            journal=Journal(tree.ref("journal")),
            gateway=Gateway(self.config.telegram.api_id, ""),
            keys=KeyLeases(places.lease(), timeout=settings.lease_timeout),
            events=self._events,
            monitor=tree.ref("registry"),  # the steps report to nobody
            session_folder=places.session_folder,
            backup_folder=places.backup_folder,
            sleep=asyncio.sleep,
            current=CurrentSettings(settings),
            handlers=self._handlers,
            epoch=self._epoch,
        )

    @contextlib.asynccontextmanager
    async def _connected(self, services: Services) -> AsyncIterator[Services]:
        """A services whose gateway reaches Telegram, or what stands in for it."""
        async with contextlib.AsyncExitStack() as stack:
            server = self._server
            if server is None:
                here = await stack.enter_async_context(standin(self.config))
                server = None if here is None else here.server
            refuse_invented(self.config, server)
            gateway = Gateway(
                self.config.telegram.api_id,
                self.config.api_hash().get_secret_value(),
                server=server,
                proxies=proxies_of(self.config),
            )
            stack.push_async_callback(gateway.close_all, deadline=services.settings.close_deadline)
            yield replace(services, gateway=gateway)


class _OfflineSessions(Sessions):
    """The registered sessions, none of which runs."""

    def __init__(
        self,
        desk: RegistryClient,
        session: Callable[[str], OfflineSession],
        auditor: Auditor,
    ) -> None:
        super().__init__(desk)
        self._session, self._auditor = session, auditor

    def best(self, *, exclude: Collection[str] = (), only_healthy: bool = False) -> Placement:
        """The session to give one more pair to; how healthy it is only a warden finds out."""
        return super().best(exclude=exclude, only_healthy=only_healthy)

    async def delete(
        self, name: str, *, force: bool = False, who: str = "app", **how: Any
    ) -> Deleted:
        """Forget a session; its backups are kept.

        Raises:
            UnknownSessionError, SessionBusyError
            PairsAssignedError: it has pairs, and ``force`` was not given.
            NotRunningError: it has pairs, which only a running warden gives to others.
            LeaseHeldError: another process uses its login.
        """
        with self._auditor.refusals(who, "delete", name):
            if force and self.get(name).pairs:
                raise NotRunningError("the warden", ASKS_TELEGRAM)
        handle = self._session(name)
        async with handle.owned():
            deleted = await super().delete(name, who=who, **how)
            if not how.get("dry_run"):
                await handle.set_file_aside()
        return deleted

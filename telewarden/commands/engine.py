"""The protocols through which commands use a warden, and a store while none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ..api.alerts import Alerts
from ..api.operations import Operations
from ..api.pairs import Pairs
from ..api.registry import Registry
from ..api.session import SessionHandle
from ..api.session_maintenance import SessionMaintenance
from ..api.sessions import Sessions
from ..config import Config
from ..console.results.base import Result
from ..diagnostics import Diagnosis
from ..metrics import Exporter
from ..service.database_backups import DatabaseBackups
from ..service.key_rotation import MasterKeys
from ..service.reload import ReloadReport
from ..supervision import Snapshot
from ..telegram.reports import Overview


class Handles(Protocol):
    """What a running warden and ``OfflineWarden`` have in common."""

    config: Config
    registry: Registry
    backups: DatabaseBackups
    keys: MasterKeys

    @property
    def pairs(self) -> Pairs:
        """The pairs."""
        ...

    @property
    def sessions(self) -> Sessions:
        """The registered sessions."""
        ...

    @property
    def operations(self) -> Operations:
        """What takes a while."""
        ...

    def session(self, name: str) -> SessionMaintenance:
        """A handle on one session."""
        ...

    async def overview(self) -> Overview:
        """How every session, worker group and pair is."""
        ...


class Engine(Handles, Protocol):
    """The handles of one running warden; all of them are used in its loop."""

    exporter: Exporter
    under_way: set[asyncio.Future[Any]]
    """Work that goes on when whoever asked for it has hung up; a stop cancels it."""

    @property
    def alerts(self) -> Alerts:
        """Alerts and messages out."""
        ...

    def session(self, name: str) -> SessionHandle:
        """A handle on one session."""
        ...

    def snapshot(self) -> Snapshot:
        """The supervisor tree as it is now."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, and a sentence on it."""
        ...

    async def diagnose(self) -> Diagnosis:
        """Look at everything, from outside and from inside."""
        ...

    async def recover(self, session: str, *, who: str) -> None:
        """Let a session climb the recovery ladder now."""

    async def recover_all(self, *, who: str) -> tuple[str, ...]:
        """Let every session climb it; returns their names."""
        ...

    async def drill(self, path: str, *, who: str) -> None:
        """Crash the child at ``path`` on purpose."""

    async def reload(self, *, who: str) -> ReloadReport:
        """Go by the configuration as it is in its file now."""
        ...

    def shutdown(self, *, who: str) -> None:
        """Begin to stop the warden, and return at once."""


Handlers = Mapping[str, Callable[..., Awaitable[Result]]]

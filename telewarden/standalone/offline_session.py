"""Maintenance of one login while no warden runs, under the login's own lease.

Backup, restore, import and export, by the same steps as a running session takes. What makes or
ends a login at Telegram is a warden's.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar, cast

from ..actors import ExportLogin, ImportLogin, RestoreBackup, TakeBackup
from ..actors.context import Services
from ..actors.errors import to_public_error
from ..actors.session.maintenance import Maintenance
from ..actors.session.state import SessionState
from ..api.audit import Auditor
from ..api.operations import Operations
from ..api.session_maintenance import SessionMaintenance
from ..errors import CredentialDamagedError, NotRunningError
from ..storage import Store
from ..supervision import Ask
from ..telegram import SessionReport, parse_string
from .offline_reports import offline_session

R = TypeVar("R")
T = TypeVar("T")

LOGIN_NEEDS_IT: Final = (
    "start it with telewarden run: logins are made, renewed and ended by it alone"
)

Connected = Callable[[Services], contextlib.AbstractAsyncContextManager[Services]]


class OfflineSession(SessionMaintenance):
    """One session while no warden runs. Made by ``OfflineWarden.session``.

    Args:
        name: its name.
        services: the journal, the leases, and a gateway that opens nothing.
        connected: gives the services a gateway that reaches Telegram, for the length of a block.
        operations: where a backup is tracked.
        auditor: notes who did what.
    """

    def __init__(
        self,
        name: str,
        services: Services,
        connected: Connected,
        operations: Operations,
        auditor: Auditor,
    ) -> None:
        self.name, self._services, self._connected = name, services, connected
        self._operations, self._auditor = operations, auditor

    def __repr__(self) -> str:
        return f"<OfflineSession {self.name}>"

    async def report(self) -> SessionReport:
        """How the session is, as far as the database tells."""
        return await self._read(lambda store: offline_session(store, self._services, self.name))

    @contextlib.asynccontextmanager
    async def owned(self) -> AsyncIterator[None]:
        """Have the lease on the login that is stored, if there is one, for the length of a block.

        Raises:
            LeaseHeldError: another process uses it all the time, and which.
        """
        keys = self._services.keys
        held = await self._read(self._login)
        if held is not None:
            await keys.acquire(held[0], session=self.name, key=held[1])
        try:
            yield
        finally:
            keys.release_of(self.name)

    def _login(self, store: Store) -> tuple[int, bytes | None] | None:
        """The key's id, and the key where it can be read."""
        with contextlib.suppress(CredentialDamagedError):
            found = store.credential(self.name)
            if found is not None:
                return found.key_id, parse_string(found.session_string).key
        key_id = store.key_id_of(self.name)
        return None if key_id is None else (key_id, None)

    async def set_file_aside(self) -> None:
        """Keep the sealed file of a session that was deleted out of the way of its namesakes."""
        await self._read(lambda store: self._services.files(store).set_aside_deleted(self.name))

    async def _ask(self, message: Ask[R], *, timeout: float = 10.0) -> R:  # noqa: ARG002 - nobody is asked
        match message:
            case TakeBackup():
                answer = await self._taken(message, self._services)
            case RestoreBackup() | ExportLogin():
                async with self.owned():
                    answer = await self._taken(message, self._services)
            case ImportLogin():
                async with self.owned(), self._connected(self._services) as services:
                    answer = await self._taken(message, services)
            case _:
                raise NotRunningError("the warden", LOGIN_NEEDS_IT)
        return cast("R", answer)

    async def _taken(
        self, step: TakeBackup | RestoreBackup | ImportLogin | ExportLogin, services: Services
    ) -> object:
        steps = Maintenance(self.name, services, SessionState(self.name, services), at_rest=True)
        try:
            done = await steps.take(step, None)
        except Exception as error:
            told = to_public_error(error, session=self.name)
            if told is error:
                raise
            raise told from error
        if isinstance(step, RestoreBackup):
            return (await self.report()).phase
        return done.answer

    async def _read(self, work: Callable[[Store], T]) -> T:
        return await self._services.journal.do(work, wait_for_disk=False)

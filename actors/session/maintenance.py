"""Maintenance of a session's login: backup, restore, import, export, logout.

Owns the messages for it and the work behind each; runs beside the session actor's mailbox. What
follows for the client and the phase (``Follow``) is the session's to do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from ...errors import (
    CredentialDamagedError,
    KeyLatchedError,
    LoginTakenError,
    NoCredentialError,
    OtherAccountError,
    UnknownRecordError,
)
from ...storage import BackupRecord, Entity, SessionRecord, Store, UpdateState
from ...supervision import Ask
from ...telegram import (
    Client,
    EntityRow,
    FileState,
    Phase,
    StoredSession,
    WardenSession,
    log_out,
    parse_string,
)
from ...telegram.session_files.session_string import format_string
from ..context import Services
from .login.end_authorisation import proof_of, refuse_early
from .state import SessionState

BEFORE_DELETE: Final = "before delete"  # the reason of the last backup of a session that is gone
LOGGED_OUT: Final = "logged out"  # why a key is latched that a person has ended here

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TakeBackup(Ask[BackupRecord | None]):
    """Keep a copy of the login. Answered with its ``BackupRecord``; None without a login."""

    reason: str


@dataclass(frozen=True, slots=True)
class RestoreBackup(Ask[Phase]):
    """Make a backup the session's login again. Answered with the phase that follows."""

    backup_id: int


@dataclass(frozen=True, slots=True)
class ImportLogin(Ask[int]):
    """Use a login made elsewhere, once Telegram has confirmed it. Answered with its key id."""

    stored: StoredSession = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExportLogin(Ask[StoredSession]):
    """Hand the login out, with what it has learnt. Answered with a ``StoredSession``: a secret."""


@dataclass(frozen=True, slots=True)
class LogOut(Ask[Phase]):
    """End the login at Telegram and clear it here. Answered with the phase that follows."""


MaintenanceStep = TakeBackup | RestoreBackup | ImportLogin | ExportLogin | LogOut


class Follow(Enum):
    """What the session does next."""

    NOTHING = "nothing"
    SWITCH = "switch"
    LOGGED_OUT = "logged out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The step is done; ``answer`` is what its asker gets, the phase where it is None."""

    answer: object = field(default=None, repr=False)
    follow: Follow = Follow.NOTHING


class Maintenance:
    """Looks after one session's login.

    Args:
        state: where the session stands.
        at_rest: whether nobody works with the session, so that the login that is stored may be
            connected like any other.
    """

    def __init__(
        self, name: str, services: Services, state: SessionState, *, at_rest: bool = False
    ) -> None:
        self._name, self._services, self._state = name, services, state
        self._at_rest = at_rest
        self._turn = asyncio.Lock()

    async def take(self, step: MaintenanceStep, client: Client | None) -> Done:
        """Do one step.

        Args:
            step: what is wanted.
            client: the connected client, if there is one; ``LogOut`` needs it.

        Raises:
            KeyLatchedError: the key is dead; nothing has changed.
            LeaseHeldError: another process, or another session, owns the key.
            LoginTakenError: the login is another session's; nothing has changed.
            OtherAccountError: the login is another account's; nothing has changed.
            OtherServersError: the login is of servers that this warden does not talk to.
            StorageError, TelegramError, ConnectionError: and nothing has changed.
        """
        async with self._turn:  # two at once would let go of each other's key
            return await self._take(step, client)

    async def _take(self, step: MaintenanceStep, client: Client | None) -> Done:
        match step:
            case TakeBackup(reason):
                return Done(answer=await self._do(lambda store: self._backup(store, reason)))
            case RestoreBackup(backup_id):
                await self._do(lambda store: self._restore(store, backup_id))
                return Done(follow=Follow.SWITCH)
            case ImportLogin(stored):
                return await self._take_in(stored, client)
            case ExportLogin():
                return Done(answer=await self._do(self._give_out))
            case LogOut():
                return await self._log_out(client)

    async def _do(self, work: Callable[[Store], T]) -> T:
        """Somebody waits for the outcome: a disk that takes nothing is told at once."""
        return await self._services.journal.do(work, wait_for_disk=False)

    def _backup(self, store: Store, reason: str) -> BackupRecord | None:
        return store.add_backup(self._name, reason, self._services.stamp())

    def _restore(self, store: Store, backup_id: int) -> None:
        found = [backup for backup in store.backups(self._name) if backup.id == backup_id]
        if not found:
            raise UnknownRecordError(f"backup of {self._name}", backup_id)
        self._refuse_taken(store, found[0].key_id)
        store.restore_backup(backup_id, at=self._services.stamp())

    async def _take_in(self, stored: StoredSession, client: Client | None) -> Done:
        parts, string = stored.parts, format_string(stored.parts)
        held = await self._do(self._present)
        if not self._at_rest and parts.key_id in {held, client and client.key_id}:
            await self._prove_in_use(parts.key_id, client)
            return Done(answer=parts.key_id)
        self._services.gateway.check_servers(parts)
        await self._do(lambda store: self._refuse_other(store, stored.user_id))
        user_id = await self._prove(string, parts.key_id)
        if stored.user_id not in {None, user_id}:
            raise OtherAccountError(self._name)

        def work(store: Store) -> None:
            now = self._services.stamp()
            self._refuse_taken(store, parts.key_id)
            self._keep_earlier(store, "before import")
            store.put_credential(self._name, string, parts.key_id, parts.dc_id, at=now)
            store.put_user_id(self._name, user_id)
            store.put_entities(self._name, entities_of(stored, now))
            store.put_update_states(self._name, states_of(stored))
            store.add_backup(self._name, "after import", now)
            self._services.files(store).write(
                self._name, string, key_id=parts.key_id, dc_id=parts.dc_id
            )

        await self._do(work)
        return Done(answer=parts.key_id, follow=Follow.SWITCH)

    async def _prove_in_use(self, key_id: int, client: Client | None) -> None:
        """Have Telegram confirm the login that is the session's; two connections would end it."""
        await self._do(lambda store: self._alive(store, key_id))
        if client is None or client.key_id != key_id or not client.alive:
            raise self._state.offline()
        try:
            await client.probe(deadline=self._services.settings.call_deadline)
        except OSError as error:  # the session comes back by itself, or learns what has ended it
            raise self._state.offline() from error

    def _present(self, store: Store) -> int | None:
        with contextlib.suppress(CredentialDamagedError):
            found = store.credential(self._name)
            return None if found is None else found.key_id
        return None

    async def _prove(self, string: str, key_id: int) -> int:
        """Have Telegram confirm a login before anything is changed for it; returns the account."""
        place = proof_of(self._name)
        await self._do(lambda store: self._free(store, key_id))  # else there is no need to wait
        await refuse_early(self._services, self._name)
        had = self._services.keys.holds(key_id, session=self._name)
        key = parse_string(string).key
        await self._services.keys.acquire(key_id, session=self._name, temporary=not had, key=key)
        user_id: int | None = None
        try:
            record = await self._do(lambda store: self._free(store, key_id))
            client = await self._services.gateway.open(
                place,
                WardenSession.from_string(string),
                lambda _: None,
                deadline=self._services.settings.connect_deadline,
            )
            user_id = client.user_id
            if user_id is None or (record and record.user_id not in (None, user_id)):
                raise OtherAccountError(self._name)
        finally:
            await self._services.gateway.close(
                place, deadline=self._services.settings.close_deadline
            )
            if not had:
                self._services.keys.release(key_id)
        return user_id

    def _alive(self, store: Store, key_id: int) -> SessionRecord | None:
        """The session's row, if a key is none that is known to be dead."""
        if (latch := store.latched(key_id)) is not None:
            raise KeyLatchedError(key_id, latch.reason)
        return store.session(self._name)

    def _free(self, store: Store, key_id: int) -> SessionRecord | None:
        """As ``_alive``, and no other session's: it may have become either in a wait."""
        self._refuse_taken(store, key_id)
        return self._alive(store, key_id)

    def _refuse_taken(self, store: Store, key_id: int) -> None:
        for other in store.sessions_with_key(key_id):
            if other != self._name:
                raise LoginTakenError(self._name, other)

    def _refuse_other(self, store: Store, user_id: int | None) -> None:
        """Refuse another account's login by what it says itself: before any packet."""
        record = store.session(self._name)
        known = None if record is None else record.user_id
        if user_id is not None and known is not None and user_id != known:
            raise OtherAccountError(self._name)

    def _keep_earlier(self, store: Store, reason: str) -> None:
        with contextlib.suppress(CredentialDamagedError):
            store.add_backup(self._name, reason, self._services.stamp())

    def _give_out(self, store: Store) -> StoredSession:
        found = store.credential(self._name)
        if found is None:
            raise NoCredentialError(self._name)
        record = store.session(self._name)
        return StoredSession(
            version=0,
            user_id=None if record is None else record.user_id,
            api_id=self._services.gateway.api_id,
            parts=parse_string(found.session_string),
            entities=tuple(
                EntityRow(row.id, row.access_hash, row.username)
                for row in store.entities(self._name)
            ),
            states=tuple(
                FileState(row.entity_id, row.pts, row.qts, row.date, row.seq)
                for row in store.update_states(self._name)
            ),
        )

    async def _log_out(self, client: Client | None) -> Done:
        if client is None or client.key_id is None:
            raise self._state.offline()
        key_id = client.key_id
        await self._do(lambda store: self._keep_earlier(store, "before logout"))
        token = await log_out(client, deadline=self._services.settings.call_deadline)
        await self._services.gateway.close(
            self._name, deadline=self._services.settings.close_deadline
        )

        def work(store: Store) -> None:
            store.latch_key(key_id, LOGGED_OUT, self._services.stamp())
            if token is not None:
                store.add_future_token(self._name, token, self._services.stamp())
            store.clear_credential(self._name)
            store.clear_cache(self._name)
            self._services.files(store).delete(self._name)

        await self._do(work)
        self._services.keys.release(key_id)
        return Done(follow=Follow.LOGGED_OUT)


def entities_of(stored: StoredSession, now: float) -> Sequence[Entity]:
    """The chats of a session file, as the store keeps them."""
    return [
        Entity(id=one.id, access_hash=one.access_hash, username=one.username, seen=now)
        for one in stored.entities
    ]


def states_of(stored: StoredSession) -> Sequence[UpdateState]:
    """How far a session file has heard, as the store keeps it."""
    return [
        UpdateState(entity_id=one.id, pts=one.pts, qts=one.qts, date=one.date, seq=one.seq)
        for one in stored.states
        if one.pts > 0
    ]

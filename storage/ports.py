"""What a store is, whatever it keeps things in: the contract that a second one has to honour.

``Store`` keeps it in SQLite. The contract in words that run is the suite ``StoreContract`` of the
tests: a second implementation runs it against itself. Errors are those that ``Store`` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ..errors import CredentialDamagedError
from .crypto.master_key import MasterKey
from .crypto.vault import Vault
from .epoch import Epoch
from .pair_ports import OutboxPort, PairPort
from .pruning_port import PruningPort
from .records import (
    AuditRow,
    BackupRecord,
    CrashRow,
    Credential,
    Entity,
    FloodRow,
    Latch,
    OperationRecord,
    SessionRecord,
    UpdateState,
)
from .tables.clock import Reckoning


class SessionPort(Protocol):
    """Registered sessions: what each was declared to be, and its sealed login."""

    def put_session(self, record: SessionRecord) -> None:
        """Store what ``record`` declares; the credential and the first ``created`` are kept."""
        ...

    def put_user_id(self, name: str, user_id: int) -> None:
        """Store which account a session turned out to be."""
        ...

    def session(self, name: str) -> SessionRecord | None:
        """Return the session called ``name``, if there is one."""
        ...

    def sessions(self) -> list[SessionRecord]:
        """Return all sessions, most urgent first (priority 1), then by name."""
        ...

    def key_id_of(self, name: str) -> int | None:
        """Return which key a session's login has, be that login damaged or not."""
        ...

    def sessions_with_key(self, key_id: int) -> list[str]:
        """Return the names of the sessions whose login has this key: one, or none."""
        ...

    def forget_learnt(self, name: str) -> None:
        """Forget what a session has learnt of Telegram, and how far it has heard."""
        ...

    def delete_session(self, name: str) -> bool:
        """Forget a session, what it had heard and its floods; tell whether there was one."""
        ...

    def put_credential(
        self, name: str, session_string: str, key_id: int, dc_id: int, *, at: float | None = None
    ) -> None:
        """Seal and store a session's string; ``UnknownRecordError`` without such a session."""
        ...

    def credential(self, name: str) -> Credential | None:
        """Return a session's credential, or ``None`` if it has none (yet)."""
        ...

    def credentials(self) -> Iterator[Credential | CredentialDamagedError]:
        """Yield every session's credential by name; a damaged one as its error, not raised."""
        ...

    def salvaged_credential(self, name: str) -> Credential | None:
        """Return what is still there of a login of which something is wrong, if enough is."""
        ...

    def clear_credential(self, name: str) -> None:
        """Forget a session's string (after a logout); backups of it stay."""
        ...


class BackupPort(Protocol):
    """Copies of logins, and the keys of which no copy may be used."""

    def add_backup(self, name: str, reason: str, at: float) -> BackupRecord | None:
        """Keep a copy of the session's credential, opened after writing; the five newest stay."""
        ...

    def backups(self, name: str | None = None) -> list[BackupRecord]:
        """Return the backups of one session, or of all, newest first."""
        ...

    def backup_credential(self, backup_id: int) -> Credential:
        """Return what a backup holds."""
        ...

    def newest_usable_backup(self, name: str) -> tuple[BackupRecord, Credential] | None:
        """Return the newest backup that opens and whose key is not latched, if there is one."""
        ...

    def usable_backups(self, name: str) -> list[tuple[BackupRecord, Credential]]:
        """Return the backups that open, if need be with a bit turned back, newest first."""
        ...

    def known_strings(self, name: str, *, after: int = 0) -> list[tuple[int, int, str]]:
        """Return key id, data centre and digest of every string known of a session.

        Of backups those with a number above ``after`` count.
        """
        ...

    def restore_backup(self, backup_id: int, *, at: float) -> Credential:
        """Make a backup the session's credential again, after backing up the one it replaces."""
        ...

    def latch_key(self, key_id: int, reason: str, at: float) -> None:
        """Mark a key as dead for good; the first reason is the one that stays."""
        ...

    def latched(self, key_id: int) -> Latch | None:
        """Return why a key is dead, or ``None`` if it is not."""
        ...

    def latches(self) -> list[Latch]:
        """Return every dead key, oldest first."""
        ...


class TelegramPort(Protocol):
    """What sessions have learnt of Telegram, and what it told them to wait for."""

    def put_entities(self, name: str, entities: Iterable[Entity]) -> None:
        """Store what a session needs to address chats and users; the latest answer stays."""
        ...

    def entities(self, name: str, limit: int = 5_000) -> list[Entity]:
        """Return a session's entities, those seen last first."""
        ...

    def put_update_states(self, name: str, states: Iterable[UpdateState]) -> None:
        """Store how far a session has heard; the latest answer stays."""
        ...

    def update_states(self, name: str) -> list[UpdateState]:
        """Return how far a session has heard, the account (0) among its channels."""
        ...

    def drop_update_state(self, name: str, entity_id: int) -> None:
        """Forget how far a session has heard in one channel, so that it starts anew there."""
        ...

    def put_flood(
        self, account: str, method: str, chat: int | None, until: float, seconds: float
    ) -> None:
        """Store until when a call must wait; a deadline already later than this one stays."""
        ...

    def floods(self, *accounts: str) -> list[FloodRow]:
        """Return the deadlines of these accounts, or of all, the nearest first."""
        ...

    def clear_expired(self, now: float, *, limit: int = 10_000) -> int:
        """Forget the deadlines that have passed, at most ``limit``; return how many."""
        ...

    def record_login_code(self, phone: str, at: float) -> None:
        """Note that a login code was asked for, which Telegram rations by phone and day."""
        ...

    def login_codes(self, phone: str, since: float) -> list[float]:
        """Return when login codes were asked for since ``since``, oldest first."""
        ...

    def reckoning(self) -> Reckoning | None:
        """The count of time that deadlines are kept by; ``None`` before the first."""
        ...

    def reckon(self, epoch: Epoch, *, boot: str | None = None) -> None:
        """Go on counting the time of deadlines; for the one writer, before any is read."""
        ...

    def follow(self, epoch: Epoch, *, boot: str | None = None) -> None:
        """Let ``epoch`` count as the deadlines do, if they are of this boot; nothing is written."""
        ...

    def note_telegrams_time(self, ahead: float) -> None:
        """Keep by how many seconds Telegram's time is ahead of that count."""
        ...


class HistoryPort(Protocol):
    """What failed, who changed what, and what is going on."""

    def record_crash(self, path: str, reason: str, at: float) -> None:
        """Note that the child at ``path`` of the tree failed."""
        ...

    def crashes(self, path: str | None = None, since: float = 0.0) -> list[CrashRow]:
        """Return the failures of one child, or of all, since ``since``, oldest first."""
        ...

    def audit(
        self,
        who: str,
        what: str,
        subject: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
        *,
        at: float,
    ) -> None:
        """Note a change: ``before`` and ``after`` are anything that JSON can hold."""
        ...

    def audit_rows(self, *, since: float = 0.0, limit: int = 1000) -> list[AuditRow]:
        """Return the latest changes since ``since``, newest first."""
        ...

    def declare_sessions(self, records: Iterable[SessionRecord]) -> None:
        """Store what many records declare, as ``put_session`` does for one."""
        ...

    def change_sessions(
        self, columns: Mapping[str, Mapping[str, object]], *, updated: float
    ) -> None:
        """Store what has changed of many sessions: the new values of each column, by session."""
        ...

    def put_registrations(self, names: Iterable[str]) -> None:
        """Note that these sessions were registered at run time, so that every start has them."""
        ...

    def delete_registrations(self, names: Iterable[str]) -> None:
        """Forget that these sessions were registered at run time."""
        ...

    def registrations(self) -> set[str]:
        """Return the names of the sessions that were registered at run time."""
        ...

    def put_operations(self, records: Iterable[OperationRecord]) -> None:
        """Store many operations as they are now."""
        ...

    def delete_operations(self, ids: Iterable[int]) -> None:
        """Forget operations."""
        ...

    def operations(self) -> list[OperationRecord]:
        """Return all operations, oldest first."""
        ...

    def last_operation_id(self) -> int:
        """Return the highest id ever given, whether its operation is still stored or not."""
        ...

    def audit_many(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Note many changes at once, in order."""
        ...

    def audit_trail(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: float = 0.0,
        limit: int = 100,
    ) -> list[AuditRow]:
        """Return the newest changes that match, newest first; ``None`` matches everything."""
        ...

    def audit_end(self) -> int:
        """Return the number above that of the newest row; 0 if there is none."""
        ...

    def audit_page(
        self,
        below: int,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: float = 0.0,
        limit: int = 100,
    ) -> tuple[list[AuditRow], int]:
        """Look into a bounded number of rows next below a number.

        Returns those that match, newest first, and the number to go on below; 0 at the end.
        """
        ...


class RotationPort(Protocol):
    """New keys while the store is in use."""

    def old_masters(self) -> list[MasterKey]:
        """The master keys of earlier times, the newest first."""
        ...

    def rotate_master(self, master: MasterKey, *, old: MasterKey | None = None) -> None:
        """Put another master key in charge; the old one opens this database no longer."""
        ...

    def rotate_data_key(self) -> list[str]:
        """Seal everything under a new data key; return the rows that did not open."""
        ...


class StorePort(
    SessionPort,
    BackupPort,
    PairPort,
    OutboxPort,
    TelegramPort,
    HistoryPort,
    PruningPort,
    RotationPort,
    Protocol,
):
    """A whole store. Each writing method is stored when it returns, or with its transaction."""

    @property
    def vault(self) -> Vault:
        """What seals and opens its secrets."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Store everything written inside, or nothing; may be nested."""
        ...

    @property
    def changes(self) -> int:
        """How many rows have been changed so far by way of this store."""
        ...

    def touch(self) -> None:
        """Write the smallest thing there is, to see whether anything can be written."""
        ...

    def checkpoint(self) -> None:
        """Make everything committed so far safe from a power cut."""
        ...

    def close(self) -> None:
        """Close it; a second time does nothing. An open transaction is undone."""
        ...

"""Data access for credential backups and the latch on dead auth keys.

Owns ``session_backups`` and ``latched_keys``. A backup outlives its session; a latch outlives
every copy of its key.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

from ...errors import CredentialDamagedError, KeyLatchedError, UnknownRecordError
from ..records import BackupRecord, Credential, Latch
from .connection import signed, unsigned
from .credentials import CredentialRows, digest_of
from .row_mapping import RowMapping

BACKUPS: Final = RowMapping(BackupRecord, "session_backups", decode={"key_id": unsigned})
LATCHES: Final = RowMapping(Latch, "latched_keys", decode={"key_id": unsigned})
BACKUPS_KEPT: Final = 5  # of each session


class BackupRows(CredentialRows):
    """Backups and latches."""

    def add_backup(self, name: str, reason: str, at: float) -> BackupRecord | None:
        """Keep a copy of the session's credential, opened after writing; the five newest stay.

        Returns ``None`` if the session has no credential. A damaged one raises
        ``CredentialDamagedError`` and no older backup is dropped for it.
        """
        with self.transaction():
            current = self.credential(name)
            if current is None:
                return None
            backup = self._insert_backup(current, reason, at)
            self.backup_credential(backup.id)
            self._drop_surplus(name)
        return backup

    def _drop_surplus(self, name: str) -> None:
        """Keep five: the first to go are those that a newer one repeats, then those of dead keys.

        Else a login that fails a few times would push the one good copy out.
        """
        rows = self._all(
            "select b.id, b.digest in (select newer.digest from session_backups newer"
            " where newer.name = b.name and newer.id > b.id),"
            " b.key_id in (select key_id from latched_keys)"
            " from session_backups b where b.name = ? order by b.id desc",
            (name,),
        )
        kept = sorted(rows[1:], key=lambda row: (row[1], row[2]))[: BACKUPS_KEPT - 1]
        keep = {row[0] for row in (*rows[:1], *kept)}
        self._run_many(
            "delete from session_backups where id = ?",
            [(row[0],) for row in rows if row[0] not in keep],
        )

    def backups(self, name: str | None = None) -> list[BackupRecord]:
        """Return the backups of one session, or of all, newest first."""
        wanted = " where ? is null or name = ? order by id desc"
        return [BACKUPS.from_row(row) for row in self._all(BACKUPS.select + wanted, (name, name))]

    def backup_credential(self, backup_id: int) -> Credential:
        """Return what a backup holds.

        Raises:
            UnknownRecordError: there is no such backup.
            CredentialDamagedError: it does not open; other backups are not concerned.
        """
        row = self._one(
            "select name, sealed, digest, key_id, dc_id from session_backups where id = ?",
            (backup_id,),
        )
        if row is None:
            raise UnknownRecordError("backup", backup_id)
        name, *sealed = row
        return self._open_credential(f"session_backups/{backup_id}", name, *sealed)

    def usable_backups(self, name: str) -> list[tuple[BackupRecord, Credential]]:
        """Return the backups that open, if need be with a bit turned back, newest first.

        Those whose key is latched are left out.
        """
        found = []
        for backup in self.backups(name):
            row = self._one("select sealed from session_backups where id = ?", (backup.id,))
            held = self._salvaged(f"session_backups/{backup.id}", name, row and row[0])
            if held is not None and self.latched(held.key_id) is None:
                found.append((backup, held))
        return found

    def known_strings(self, name: str, *, after: int = 0) -> list[tuple[int, int, str]]:
        """Return key id, data centre and digest of every string known of a session, newest first.

        Of backups those with a number above ``after`` count. These are not secret; by them damaged
        copies are recognised.
        """
        rows = self._all(
            "select key_id, dc_id, digest from user_sessions where name = ? and sealed is not null",
            (name,),
        ) + self._all(
            "select key_id, dc_id, digest from session_backups"
            " where name = ? and id > ? order by id desc",
            (name, after),
        )
        whole = [row for row in rows if None not in row and re.fullmatch("[0-9a-f]{64}", row[2])]
        return list(dict.fromkeys((unsigned(row[0]), row[1], row[2]) for row in whole))

    def restore_backup(self, backup_id: int, *, at: float) -> Credential:
        """Make a backup the session's credential again, after backing up the one it replaces.

        Raises ``KeyLatchedError`` for a dead key, and what ``backup_credential`` raises.
        """
        with self.transaction():
            wanted = self.backup_credential(backup_id)
            latch = self.latched(wanted.key_id)
            if latch is not None:
                raise KeyLatchedError(wanted.key_id, latch.reason)
            with contextlib.suppress(CredentialDamagedError):  # which the restore is there for
                self.add_backup(wanted.name, "before restore", at)
            self.put_credential(
                wanted.name, wanted.session_string, wanted.key_id, wanted.dc_id, at=at
            )
        return wanted

    def latch_key(self, key_id: int, reason: str, at: float) -> None:
        """Mark a key as dead for good; the first reason is the one that stays."""
        self._run(
            "insert into latched_keys (key_id, reason, at) values (?, ?, ?)"
            " on conflict (key_id) do nothing",
            (signed(key_id), reason, at),
        )

    def latched(self, key_id: int) -> Latch | None:
        """Return why a key is dead, or ``None`` if it is not."""
        row = self._one(LATCHES.select + " where key_id = ?", (signed(key_id),))
        return None if row is None else LATCHES.from_row(row)

    def latches(self) -> list[Latch]:
        """Return every dead key, oldest first."""
        rows = self._all(LATCHES.select + " order by at, key_id")
        return [LATCHES.from_row(row) for row in rows]

    def _insert_backup(self, current: Credential, reason: str, at: float) -> BackupRecord:
        ((backup_id,),) = self._all(
            "insert into session_backups (name, reason, at, key_id, dc_id, digest, sealed)"
            " values (?, ?, ?, ?, ?, ?, ?) returning id",
            (
                current.name,
                reason,
                at,
                signed(current.key_id),
                current.dc_id,
                digest_of(current.session_string),
                b"",
            ),
        )
        sealed = self._seal_credential(
            f"session_backups/{backup_id}",  # sealed for its own id, which the insert has given
            current.session_string,
            current.key_id,
            current.dc_id,
        )
        self._run("update session_backups set sealed = ? where id = ?", (sealed, backup_id))
        return BackupRecord(
            id=backup_id,
            name=current.name,
            reason=reason,
            at=at,
            key_id=current.key_id,
            dc_id=current.dc_id,
        )

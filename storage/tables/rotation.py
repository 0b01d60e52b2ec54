"""Rotation of master and data keys while the database is in use.

Owns rotation. Each way is one transaction, or part of a larger one: killed or undone in the
middle, the database opens with exactly the keys it had before, and so does what is in memory.
"""

from __future__ import annotations

import contextlib
from typing import Final

from ...errors import SealDamagedError
from ..crypto.key_slots import write_slots
from ..crypto.master_key import MasterKey
from ..crypto.vault import Vault
from .connection import TableAccess

# Each sealed column: all its values with the name their seal is bound to, and how to replace one.
SEALED: Final = (
    (
        "select 'user_sessions/' || name, sealed, rowid from user_sessions",
        "update user_sessions set sealed = ? where rowid = ?",
    ),
    (
        "select 'session_backups/' || id, sealed, id from session_backups",
        "update session_backups set sealed = ? where id = ?",
    ),
    (
        "select 'outbox/' || pair_id || '/' || source_id, payload, rowid from outbox",
        "update outbox set payload = ? where rowid = ?",
    ),
    (
        "select 'pair_plans/' || id, sealed, id from pair_plans",
        "update pair_plans set sealed = ? where id = ?",
    ),
    (
        "select 'accounts/' || session, sealed, rowid from accounts",
        "update accounts set sealed = ? where rowid = ?",
    ),
    (
        "select 'future_tokens/' || session || '/' || id, sealed, id from future_tokens",
        "update future_tokens set sealed = ? where id = ?",
    ),
    (
        "select 'old_keys/' || id, sealed, id from old_keys",
        "update old_keys set sealed = ? where id = ?",
    ),
)


class RotationRows(TableAccess):
    """New master keys and new data keys."""

    def rotate_master(self, master: MasterKey, *, old: MasterKey | None = None) -> None:
        """Put another master key in charge; the old one opens this database no longer.

        ``old`` is kept, sealed, for the copies of the database that it alone opens. Values stay as
        they are, only the data keys are wrapped anew. Session files still open with this database;
        have ``SessionFiles.reseal`` make them open without it again.
        """
        fresh = self.vault.rewrapped(master)
        with self.transaction():
            if old is not None:
                self._keep_old(old)
            self._put_in_charge(fresh)
            self._wipe_when_stored()

    def _keep_old(self, old: MasterKey) -> None:
        ((number,),) = self._all("select coalesce(max(id), 0) + 1 from old_keys", ())
        sealed = self.vault.seal(f"old_keys/{number}", old.to_bytes())
        self._run("insert into old_keys (id, sealed) values (?, ?)", (number, sealed))

    def old_masters(self) -> list[MasterKey]:
        """The master keys of earlier times, the newest first; what does not open is left out."""
        found = []
        for row, sealed, number in self._all(f"{SEALED[-1][0]} order by id desc", ()):
            with contextlib.suppress(SealDamagedError):
                kept = self.vault.open(row, sealed)
                found.append(MasterKey.from_bytes(kept, origin=f"old key {number}"))
        return found

    def rotate_data_key(self) -> list[str]:
        """Seal everything under a new data key; return the rows that did not open.

        Those stay as they are, and the old data keys stay for their sake; without any, the old
        keys go. About 0.1 s for 10,000 values.
        """
        fresh = self.vault.with_new_data_key()
        damaged: list[str] = []
        with self.transaction():
            for select, update in SEALED:
                damaged += self._reseal(select, update, fresh)
            if not damaged:
                fresh = fresh.with_newest_only()
            self._put_in_charge(fresh)
            self._wipe_when_stored()
        return damaged

    def _put_in_charge(self, fresh: Vault) -> None:
        # At once, since what follows in the same transaction is sealed already; and undone with
        # it, since a key that is not stored must seal nothing.
        vault, before = self.vault, self.vault.copy()
        self._if_undone.append(lambda: vault.replace_keys(before))
        with self._mapped():
            write_slots(self._conn, fresh)
        vault.replace_keys(fresh)

    def _reseal(self, select: str, update: str, fresh: Vault) -> list[str]:
        damaged = []
        for row, sealed, rowid in self._all(select):
            if sealed is None:
                continue
            try:
                plain = self.vault.open(row, sealed)
            except SealDamagedError:
                damaged.append(row)
            else:
                self._run(update, (fresh.seal(row, plain), rowid))
        return damaged

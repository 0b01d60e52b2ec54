"""Data access for ``accounts``, the sealed account id of each session, and ``account_facts``.

Owns both. The number in the clear, in ``user_sessions``, is for people and other programs
to read; what decides whether a login is the right account's is what was sealed.
"""

from __future__ import annotations

import logging
import sqlite3
import struct
from typing import Final

from ...errors import SealDamagedError
from ..crypto.vault import Vault
from .connection import TableAccess

logger = logging.getLogger(__name__)

ACCOUNT: Final = struct.Struct(">q")
PUT: Final = (
    "insert into accounts (session, sealed) select name, ? from user_sessions where name = ?"
    " on conflict (session) do update set sealed = excluded.sealed"
)


class AccountRows(TableAccess):
    """The sealed accounts."""

    _has_accounts: bool | None = None

    def put_user_id(self, name: str, user_id: int) -> None:
        """Store which account a session turned out to be."""
        with self.transaction():
            self._run("update user_sessions set user_id = ? where name = ?", (user_id, name))
            self._bind_account(name, user_id)

    def _bind_account(self, name: str, user_id: int) -> None:
        self._run(PUT, (_seal(self.vault, name, user_id), name))

    def _forget_account(self, name: str) -> None:
        self._run("delete from accounts where session = ?", (name,))
        self._run("delete from account_facts where session = ?", (name,))

    def put_account_facts(self, name: str, facts: str) -> None:
        """Store what is known of a session's account."""
        self._run(
            "insert into account_facts (session, facts) values (?, ?)"
            " on conflict (session) do update set facts = excluded.facts",
            (name, facts),
        )

    def account_facts(self, name: str) -> str | None:
        """What is known of a session's account, as it was stored."""
        row = self._one("select facts from account_facts where session = ?", (name,))
        return None if row is None else str(row[0])

    def _accounts(self, name: str | None = None) -> dict[str, bytes] | None:
        """What is sealed, by session; ``None`` where nothing is, or it cannot be opened."""
        if self._vault is None or not self._know_accounts():
            return None
        if name is None:
            return dict(self._all("select session, sealed from accounts"))
        return dict(self._all("select session, sealed from accounts where session = ?", (name,)))

    def _know_accounts(self) -> bool:
        """Whether this database has the table; who only reads may have one that has not."""
        if self._has_accounts is None:
            with self._mapped():
                self._has_accounts = self._conn.has_table("accounts")
        return self._has_accounts

    def _account(self, name: str, told: int | None, sealed: dict[str, bytes] | None) -> int | None:
        """Which account a session is: what was sealed, whatever stands beside it."""
        if sealed is None:
            return told
        known = None if name not in sealed else _open(self.vault, name, sealed[name])
        if known != told:
            logger.warning("account altered in the database session=%s; the seal counts", name)
        return known


def seal_accounts(conn: sqlite3.Connection, vault: Vault) -> None:
    """Seal what an earlier Telewarden kept in the clear only; the caller holds the transaction."""
    known = "select name, user_id from user_sessions where user_id is not null"
    for name, user_id in conn.execute(known).fetchall():
        conn.execute(PUT, (_seal(vault, name, user_id), name))


def _seal(vault: Vault, name: str, user_id: int) -> bytes:
    return vault.seal(_place(name), ACCOUNT.pack(user_id))


def _open(vault: Vault, name: str, sealed: bytes) -> int | None:
    try:
        (user_id,) = ACCOUNT.unpack(vault.open(_place(name), sealed))
    except (SealDamagedError, struct.error):
        return None
    return int(user_id)


def _place(name: str) -> str:
    return f"accounts/{name}"

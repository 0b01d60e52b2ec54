"""Key slots: the wrapped data keys in the table ``vault``.

Owns the table ``vault``.
"""

from __future__ import annotations

from ...errors import DatabaseDamagedError, SealDamagedError
from ..connection_port import Statements
from .master_key import MasterKey
from .vault import KeySlot, Vault


def read_slots(conn: Statements) -> list[KeySlot]:
    """Return the data keys in the database, the one in use last."""
    rows = conn.execute(
        "select key_name, kdf, salt, checked, wrapped from vault order by position"
    ).fetchall()
    return [
        KeySlot(key_name=name, kdf=kdf, salt=salt, check=checked, wrapped=wrapped)
        for name, kdf, salt, checked, wrapped in rows
    ]


def open_slots(conn: Statements, place: object, master: MasterKey) -> Vault:
    """Return the vault that the data keys in the database make with a master key.

    Raises:
        DatabaseDamagedError: there are none, or one is damaged.
        WrongMasterKeyError: another master key wrapped them.
    """
    slots = read_slots(conn)
    if not slots:
        raise DatabaseDamagedError(place, "its table of data keys is empty")
    try:
        return Vault(master, slots)
    except SealDamagedError as exc:
        raise DatabaseDamagedError(place, f"{exc.row}: {exc.what}") from None


def write_slots(conn: Statements, vault: Vault) -> None:
    """Replace the data keys in the database; the caller holds the transaction."""
    conn.execute("delete from vault")
    conn.executemany(
        "insert into vault (position, key_name, kdf, salt, checked, wrapped)"
        " values (?, ?, ?, ?, ?, ?)",
        [
            (position, slot.key_name, slot.kdf, slot.salt, slot.check, slot.wrapped)
            for position, slot in enumerate(vault.slots, start=1)
        ],
    )

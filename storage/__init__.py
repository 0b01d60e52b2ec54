"""What survives: sessions, pairs, messages on their way, backups, leases and what was learnt.

Owns the database, the sealed session files, the vault that seals both, and the lease by which one
process owns a session. Knows SQLite and cryptography; of Telegram only that there are key ids.
"""

from __future__ import annotations

from .masterkey import MasterKey
from .records import (
    AuditRow,
    BackupRecord,
    CrashRow,
    Credential,
    Entity,
    FloodRow,
    Latch,
    Mark,
    OutboxCounts,
    OutboxRow,
    PairRecord,
    SessionRecord,
    UpdateState,
    check_name,
)
from .store import Store
from .vault import KeySlot, Vault

__all__ = [
    "AuditRow",
    "BackupRecord",
    "CrashRow",
    "Credential",
    "Entity",
    "FloodRow",
    "KeySlot",
    "Latch",
    "Mark",
    "MasterKey",
    "OutboxCounts",
    "OutboxRow",
    "PairRecord",
    "SessionRecord",
    "Store",
    "UpdateState",
    "Vault",
    "check_name",
]

"""Durable state: sessions, pairs, outbox, backups, leases and learnt Telegram facts.

Owns the database, the sealed session files, the vault that seals both, and the lease by which one
process owns a session. Knows SQLite and cryptography; of Telegram only that there are key ids.
"""

from __future__ import annotations

from .crypto.master_key import MasterKey, keyring_text
from .crypto.vault import KeySlot, Vault
from .database_backups import BackupFolder, DatabaseBackup
from .database_url import DatabaseUrl, Place
from .epoch import Epoch
from .events import RowsPruned
from .files.salvage import KnownString, salvage_session_file
from .files.session_files import SessionFileInfo, SessionFiles
from .leases.grant import Free, Held, LeaseGrant, LeaseWait, Stale
from .leases.lease import Lease
from .leases.open_files import FileUsers, file_users
from .leases.owner import LeaseHolder
from .notify_records import AlertRow, NewsRow, WebhookRow
from .private_files import (
    check_owner,
    clear_leftovers,
    is_there,
    make_private_folder,
    sync_folder,
    write_private_file,
)
from .records import (
    IN_DOUBT,
    RETRIED,
    UNWANTED,
    AuditRow,
    Backfill,
    BackupRecord,
    CrashRow,
    Credential,
    Entity,
    FloodRow,
    Latch,
    Mark,
    Operation,
    OperationState,
    OutboxCounts,
    OutboxPruned,
    OutboxRow,
    PairRecord,
    Part,
    PendingChange,
    PlanRow,
    SessionRecord,
    StoredFigures,
    UpdateState,
    VerdictRow,
    check_name,
)
from .store import Store, database_exists
from .tables.rings import RingVerdict

__all__ = [
    "IN_DOUBT",
    "RETRIED",
    "UNWANTED",
    "AlertRow",
    "AuditRow",
    "Backfill",
    "BackupFolder",
    "BackupRecord",
    "CrashRow",
    "Credential",
    "DatabaseBackup",
    "DatabaseUrl",
    "Entity",
    "Epoch",
    "FileUsers",
    "FloodRow",
    "Free",
    "Held",
    "KeySlot",
    "KnownString",
    "Latch",
    "Lease",
    "LeaseGrant",
    "LeaseHolder",
    "LeaseWait",
    "Mark",
    "MasterKey",
    "NewsRow",
    "Operation",
    "OperationState",
    "OutboxCounts",
    "OutboxPruned",
    "OutboxRow",
    "PairRecord",
    "Part",
    "PendingChange",
    "Place",
    "PlanRow",
    "RingVerdict",
    "RowsPruned",
    "SessionFileInfo",
    "SessionFiles",
    "SessionRecord",
    "Stale",
    "Store",
    "StoredFigures",
    "UpdateState",
    "Vault",
    "VerdictRow",
    "WebhookRow",
    "check_name",
    "check_owner",
    "clear_leftovers",
    "database_exists",
    "file_users",
    "is_there",
    "keyring_text",
    "make_private_folder",
    "salvage_session_file",
    "sync_folder",
    "write_private_file",
]

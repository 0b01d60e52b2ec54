"""Backups: of one login, and of the whole database."""

from __future__ import annotations

import asyncio
from typing import Final

from ..console.results.backups import (
    Backup,
    BackupList,
    BackupTaken,
    DatabaseBackup,
    DatabaseBackupList,
)
from ..console.results.sessions import Phase
from ..storage import BackupRecord
from ..storage import DatabaseBackup as Copy
from .engine import Handlers, Handles


async def backup(engine: Handles, who: str, *, session: str, reason: str) -> BackupTaken:
    """Keep a copy of a login."""
    record = await engine.session(session).backup(reason, who=who)
    return BackupTaken(session=session, backup=None if record is None else kept(record))


async def backups(engine: Handles, _who: str, *, session: str) -> BackupList:
    """The copies that are kept."""
    found = await engine.session(session).backups()
    return BackupList(session=session, backups=tuple(kept(one) for one in found))


def kept(record: BackupRecord) -> Backup:
    """One copy; of its key the number, as the log has it."""
    return Backup(
        id=record.id,
        name=record.name,
        reason=record.reason,
        at=record.at,
        key_id=f"{record.key_id:016x}",
    )


async def restore(engine: Handles, who: str, *, session: str, backup: int) -> Phase:
    """Make a copy the login again."""
    return Phase(session=session, phase=await engine.session(session).restore(backup, who=who))


async def database_backup(engine: Handles, who: str) -> DatabaseBackup:
    """Copy the whole database."""
    return _copy(await engine.backups.take(who=who))


async def database_backups(engine: Handles, _who: str) -> DatabaseBackupList:
    """The copies of it that are kept."""
    found = await asyncio.to_thread(engine.backups.list)
    return DatabaseBackupList(backups=tuple(_copy(one) for one in found))


def _copy(backup: Copy) -> DatabaseBackup:
    return DatabaseBackup(file=backup.path.name, at=backup.at, size=backup.size)


HANDLERS: Final[Handlers] = {
    "backup": backup,
    "backups": backups,
    "restore": restore,
    "database backup": database_backup,
    "database backups": database_backups,
}

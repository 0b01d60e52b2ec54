"""Results about backups, of a login and of the whole database."""

from __future__ import annotations

from .base import Result


class Backup(Result):
    """One kept copy of a session's login."""

    id: int
    name: str
    reason: str
    at: float
    key_id: str


class BackupTaken(Result):
    """A copy was taken; none where there is no login."""

    session: str
    backup: Backup | None


class BackupList(Result):
    """The kept copies of a session's login, newest first."""

    session: str
    backups: tuple[Backup, ...]


class DatabaseBackup(Result):
    """One copy of the whole database."""

    file: str
    at: float
    size: int


class DatabaseBackupList(Result):
    """The kept copies of the whole database, newest first."""

    backups: tuple[DatabaseBackup, ...]

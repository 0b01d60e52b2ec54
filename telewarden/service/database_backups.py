"""Scheduled and requested backups of the database while it is in use.

Owns when; what a backup is, and that each is opened before it counts, is the storage room's.
A copy is read through a connection of its own in a thread, so that neither the journal nor the
event loop waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..actors import check_who
from ..api.checks import a_path
from ..api.operations import Operations, noted
from ..config import Config
from ..errors import NotRunningError, StorageError, TelewardenError, UnknownRecordError
from ..storage import DatabaseBackup, MasterKey, Store
from .folder_lease import take_folder_now
from .paths import StoragePaths, config_of, master_key_of

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 60.0  # seconds between two looks at the schedule
ENDS_WITHIN: Final = 10.0  # seconds that a copy which is being taken may hold up a stop
WARDEN: Final = "warden"  # who takes those that are due


class DatabaseBackups:
    """The backups of one warden's database.

    Args:
        config: where they are, how many are kept, how often one is taken.
        operations: where each is an operation of the kind ``backup`` while it is taken.
        master: reads the master key in charge; by default the one at its place.
        wall: epoch seconds.
    """

    def __init__(
        self,
        config: Config,
        operations: Operations,
        *,
        master: Callable[[], MasterKey] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config, self._operations, self._wall = config, operations, wall
        self._master = master or (lambda: master_key_of(config))
        places = StoragePaths(config)
        self._database = places.database
        self._backups = places.backups(keep=config.storage.backups_kept)

    def change(self, config: Config) -> None:
        """Go by another configuration of the same storage from now on."""
        self._config = config_of(config)
        keep = self._config.storage.backups_kept
        self._backups = StoragePaths(self._config).backups(keep=keep)

    async def take(self, *, who: str = "app") -> DatabaseBackup:
        """Copy the database now, and open the copy.

        Raises:
            StorageError: the disk is full, or a file cannot be read; the older ones all stay.
        """
        said = "copying the database"
        async with noted(self._operations, "backup", description=said, who=who) as tracked:
            backup = await self._taken()
            if tracked is not None:
                await tracked.part(1, f"{backup.path.name}: {backup.size} bytes, opens")
                await tracked.describe("the database is copied")
            return backup

    def list(self) -> list[DatabaseBackup]:
        """The copies that are kept, newest first."""
        return self._backups.list()

    async def keep_taking(self) -> None:
        """Take one whenever it is time, until cancelled; a failure is logged and tried again."""
        while True:
            await self.take_if_due()
            await asyncio.sleep(LOOK_EVERY)

    async def take_if_due(self) -> DatabaseBackup | None:
        """Take one if the newest is older than the configuration wants."""
        every, now = self._config.storage.backup_every, self._wall()
        # What bears a later date than today's was taken under a wrong clock, and says nothing.
        newest = max((one.at for one in self.list() if one.at <= now), default=0.0)
        if every <= 0 or now - newest < every:
            return None
        try:
            return await self.take(who=WARDEN)
        except NotRunningError:
            return None  # it is being stopped; the next start sees to it
        except TelewardenError as error:
            logger.error("database not backed up why=%s", error)
            return None

    async def _taken(self) -> DatabaseBackup:
        """Wait for the copy, also when cancelled: its thread must not outlive a stop."""
        taking = asyncio.ensure_future(asyncio.to_thread(self._take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            done, _ = await asyncio.wait({taking}, timeout=ENDS_WITHIN)
            for one in done:
                one.exception()  # looked at: whoever asked for the copy has gone
            raise

    def _take(self) -> DatabaseBackup:
        master = self._master()
        with Store.open_reader(self._database, master) as reader:
            backup = self._backups.take(reader, master, at=self._wall())
        logger.info("database backed up path=%s bytes=%d", backup.path, backup.size)
        return backup


def restore_database(
    config: Config | Mapping[str, Any] | Path | str,
    backup: Path | str | None = None,
    *,
    who: str = "app",
) -> tuple[Path, ...]:
    """Put a copy in the database's place, while no warden runs; what was there is kept.

    Args:
        config: a configuration, its tables, or the path of its file.
        backup: which copy; by default the newest that is whole and opens. One from before the
            master key was changed opens with the key of its time, and is put under the new one.
        who: noted in the audit trail of the database that is there afterwards.

    Returns:
        Where the replaced files are now.

    Raises:
        FolderHeldError: a process has the storage folder, and which; nothing has changed.
        StorageBusyError: a process has the database open; nothing has changed.
        UnknownRecordError: there is no such copy, or none that opens.
        StorageError: the copy is damaged, or under another master key; nothing has changed.
    """
    read = config_of(config)
    if backup is not None:
        a_path(backup)
    check_who(who)
    with take_folder_now(read, "restore of the database"):
        kept = _put_back(read, backup)
        _note(read, kept, who)
        return kept


def _note(read: Config, kept: Sequence[Path], who: str) -> None:
    names = {"replaced": [path.name for path in kept]}
    row = (who, "restore database", "database", None, names, "done", time.time())
    with Store.open(StoragePaths(read).database, master_key_of(read, make=False)) as store:
        store.audit_many([row])


def _put_back(read: Config, backup: Path | str | None) -> tuple[Path, ...]:
    places = StoragePaths(read)
    backups = places.backups()
    if not backups.list():
        raise UnknownRecordError("database backup", backup or "that opens")
    present = master_key_of(read, make=False)
    wanted = None if backup is None else (places.backup_folder / backup).resolve()
    masters = (present, *_earlier(places, present))
    for one in backups.list():
        if wanted is not None and one.path.resolve() != wanted:
            continue
        for master in masters:
            if backups.opens(one, master):
                under = None if master is present else present
                return backups.restore(one, places.database, master, present=under)
        if wanted is not None:
            return backups.restore(one, places.database, present)  # which says what is wrong
    raise UnknownRecordError("database backup", backup or "that opens")


def _earlier(places: StoragePaths, present: MasterKey) -> tuple[MasterKey, ...]:
    """The master keys of earlier times, from the database, or from the newest copy of it."""
    with (
        contextlib.suppress(StorageError),
        Store.open_reader(places.database, present) as store,
    ):
        return tuple(store.old_masters())
    with contextlib.suppress(StorageError):
        return places.backups().old_masters(present)
    return ()

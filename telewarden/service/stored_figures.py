"""The look at what is stored, for metrics: backups, codes, dead keys, leases, the disk.

It reads in a thread, by a connection of its own, so that neither the journal nor the event loop
waits for it, and no scrape does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from typing import Final

from ..actors import CODES_A_DAY
from ..config import Config
from ..errors import StorageError
from ..metrics import Exporter, LeaseOwner, Storage
from ..storage import Held, Lease, Store, StoredFigures
from .paths import StoragePaths

logger = logging.getLogger(__name__)

DAY: Final = 86_400.0  # seconds; what is asked for in one is counted
LOOK_EVERY: Final = 5.0  # seconds, as often as sessions and groups are looked at
SHARE: Final = 0.01  # of the time; with thousands of leases to look at the looks become rarer


class StoredLook:
    """Tells one warden's exporter what is stored.

    Args:
        config: where.
        exporter: is told.
        wall: reads the clock in epoch seconds.
    """

    def __init__(self, config: Config, exporter: Exporter, *, wall: Callable[[], float]) -> None:
        self._places, self._exporter, self._wall = StoragePaths(config), exporter, wall
        self._lease = self._places.lease()

    async def keep_looking(self) -> None:
        """Look now and then, until cancelled; what cannot be read is shown as it was."""
        while True:
            began = time.monotonic()
            try:
                await self.look()
            except (StorageError, OSError) as error:
                logger.debug("stored figures not read why=%s", error)
            await asyncio.sleep(max(LOOK_EVERY, (time.monotonic() - began) / SHARE))

    async def look(self) -> None:
        """Look once.

        Raises:
            StorageError: the database cannot be read.
            OSError: the disk cannot be looked at.
        """
        rows, leases, storage = await asyncio.to_thread(self._read)
        await self._exporter.stored_async(rows, leases, storage, codes_a_day=CODES_A_DAY)

    def _read(self) -> tuple[list[StoredFigures], dict[str, LeaseOwner], Storage]:
        with Store.open_reader(self._places.database) as store:
            rows = store.figures(self._wall() - DAY)
        disk = shutil.disk_usage(self._places.folder)
        newest = max((one.at for one in self._places.backups().list()), default=None)
        storage = Storage(free=disk.free, size=disk.total, backed_up=newest)
        return rows, owners_of(rows, self._lease), storage


def owners_of(rows: Iterable[StoredFigures], lease: Lease) -> dict[str, LeaseOwner]:
    """Which process owns the key of which session, as far as it says who it is."""
    owners = {}
    for row in rows:
        found = None if row.key_id is None else lease.inspect(row.key_id)
        if isinstance(found, Held) and found.holder is not None:
            holder = found.holder
            here = holder.local and holder.pid == os.getpid()
            owners[row.name] = LeaseOwner(
                state="held" if here else "elsewhere", pid=holder.pid, host=holder.host
            )
    return owners

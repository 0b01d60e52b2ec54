"""The lease on a storage folder: one process at a time changes what is in it.

Owns who may have the folder. Each login has a lease of its own besides, which also holds where the
folder is copied.
"""

from __future__ import annotations

from typing import Final

from ..config import Config
from ..errors import FolderHeldError, LeaseHeldError
from ..storage import Lease, LeaseGrant, LeaseHolder, LeaseWait, make_private_folder
from .paths import StoragePaths

FOLDER: Final = 0  # in the place of a key's id
WARDEN: Final = "warden"  # what a running warden has the folder for


async def take_folder(config: Config, purpose: str) -> LeaseGrant:
    """Take the lease on a configuration's storage folder; release it after everything else.

    A command that has it is waited for, up to the configuration's ``lease_timeout`` seconds; a
    warden, which keeps it, is not.

    Raises:
        FolderHeldError: another process has it, and who; nothing has changed.
        StorageNotWritableError: the folder cannot be written.
    """
    make_private_folder(config.folder)
    try:
        return await _lease(config).acquire_async(
            FOLDER,
            owner=LeaseHolder.current(purpose),
            timeout=config.storage.lease_timeout,
            progress=lambda wait: _refuse_warden(config, wait),
        )
    except LeaseHeldError as error:
        raise FolderHeldError(config.folder, error.holder) from None


def take_folder_now(config: Config, purpose: str) -> LeaseGrant:
    """Take the lease as ``take_folder`` does, without waiting for anybody."""
    make_private_folder(config.folder)
    try:
        return _lease(config).acquire(FOLDER, owner=LeaseHolder.current(purpose), timeout=0.0)
    except LeaseHeldError as error:
        raise FolderHeldError(config.folder, error.holder) from None


def _lease(config: Config) -> Lease:
    return Lease(StoragePaths(config).lease_folder / "folder")


def _refuse_warden(config: Config, wait: LeaseWait) -> None:
    if wait.holder is not None and wait.holder.alive and wait.holder.purpose == WARDEN:
        raise FolderHeldError(config.folder, str(wait.holder))

"""Private files and folders: owner-only permissions, atomic replacement, fsync.

Owns permissions (files 0600, folders 0700), atomic replacement and syncing. What is inside the
files is others' business.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

from ..errors import ForeignOwnerError, StorageNotWritableError
from ..peer_credentials import is_trusted, user_name
from .error_mapping import map_os_error

logger = logging.getLogger(__name__)

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
LEFT_FOR: Final = 3600.0  # seconds; what is younger may be another process's, who is at it


def make_private_folder(folder: Path) -> Path:
    """Make ``folder`` with mode 0700, or check that the one there can be written.

    One that is another user's is refused. A folder that exists keeps its mode, as it may be the
    user's own; if others may enter it, a warning is logged. What Telewarden puts into it is 0600
    in any case.
    """
    mode = _ensure_folder(folder)
    if mode & 0o077:
        logger.warning("folder is open to others path=%s mode=%04o", folder, mode)
    return folder


def write_private_file(path: Path, content: bytes) -> Path:
    """Put ``content`` at ``path`` (0600): after a crash there is the old file or the new one."""
    folder = path.parent
    _ensure_folder(folder)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=folder)
    except OSError as exc:
        raise map_os_error(exc, folder) from exc
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as exc:
        raise map_os_error(exc, path) from exc
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
    sync_folder(folder)
    return path


def check_owner(path: Path) -> None:
    """See that a folder or file is this user's, or root's: anybody else could change it meanwhile.

    Raises:
        ForeignOwnerError: it is another user's.
        StorageError: this user may not look, or it is not there.
    """
    try:
        owner = path.stat().st_uid
    except OSError as exc:
        raise map_os_error(exc, path) from exc
    if not is_trusted(owner):
        raise ForeignOwnerError(path, user_name(owner), user_name(os.geteuid()))


def is_there(path: Path) -> bool:
    """Whether there is anything of that name.

    Raises:
        StorageError: this user may not look.
    """
    try:
        return path.exists()
    except OSError as exc:
        raise map_os_error(exc, path) from exc


def clear_leftovers(folder: Path, *patterns: str, now: float) -> int:
    """Remove what killed processes had begun to write beside its place; return how many.

    ``now`` is in epoch seconds. What cannot be removed stays.
    """
    gone = 0
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        with contextlib.suppress(OSError):
            if now - path.lstat().st_mtime > LEFT_FOR:
                path.unlink()
                gone += 1
    return gone


def move_aside(path: Path, folder: Path, *, label: str) -> Path:
    """Move ``path`` into ``folder`` under a name not used there yet, and return where it is."""
    _ensure_folder(folder)
    number = 1
    while True:
        target = folder / f"{path.stem}.{number}.{label}{path.suffix}"
        try:
            if path.is_dir() and not path.is_symlink():  # which nothing but an empty folder takes
                target.mkdir(mode=PRIVATE_FOLDER)
            else:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
            path.replace(target)
        except FileExistsError:
            number += 1
            continue
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            raise
        except OSError as exc:
            raise map_os_error(exc, path) from exc
        sync_folder(folder)
        sync_folder(path.parent)
        return target


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable; a file system that cannot is left to its own."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _ensure_folder(folder: Path) -> int:
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        mode = folder.stat().st_mode & 0o777
    except FileExistsError:
        raise StorageNotWritableError(folder, "it is no folder") from None
    except OSError as exc:
        raise map_os_error(exc, folder) from exc
    check_owner(folder)
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise StorageNotWritableError(folder, "permission denied")
    return mode

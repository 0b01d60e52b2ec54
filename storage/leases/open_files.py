"""Lookup of the live processes that have a file open, by device and inode.

Owns the look into the processes of this machine. A program that does not know the lease, such as
a script with Telethon, is found by its session file alone. It may have been opened by another
name, or be renamed since; device and number stay the same. Blocks: not for an event loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import psutil

from .owner import LeaseHolder

BESIDE: Final = ("", "-journal", "-wal", "-shm")  # what SQLite opens with a database
MOST_FILES: Final = 10_000  # of a folder; its cache alone may have as many
PURPOSE: Final = "has the file open"
OURS: Final = "this same process has the file open"
HAS_HANDLES: Final = os.path.isdir("/proc/self/fd")  # on Linux: files, whatever their name now

FileId = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUsers:
    """The processes that have a file open.

    Args:
        users: those found, this one too; ``since`` is when the process started.
        unseen: how many processes this user may not look into; they are other users'.
    """

    users: tuple[LeaseHolder, ...] = ()
    unseen: int = 0

    def __str__(self) -> str:
        return "; ".join(map(str, self.users)) or "nobody"


def file_users(path: Path | str) -> FileUsers:
    """Look for processes that have a SQLite file, or what SQLite keeps beside it, open.

    Of a folder, as Telegram Desktop's, any of its files. This process counts: the app around us may
    have a client of its own.
    """
    wanted = set(_ids(_paths_of(Path(path))))
    found, unseen = list[LeaseHolder](), 0
    for process in psutil.process_iter() if wanted else ():
        try:
            if not wanted.isdisjoint(_open_in(process)):
                ours = process.pid == os.getpid()
                found.append(LeaseHolder.of(process.pid, OURS if ours else PURPOSE))
        except (psutil.AccessDenied, PermissionError):
            unseen += _is_program(process)
        except (psutil.Error, OSError):
            continue  # it has just ended
    return FileUsers(users=tuple(found), unseen=unseen)


def _paths_of(path: Path) -> Iterator[str]:
    if os.path.isdir(path):  # no error of a name that is too long
        yield from map(str, islice(path.rglob("*"), MOST_FILES))
    else:
        yield from (f"{path}{suffix}" for suffix in BESIDE)


def _open_in(process: psutil.Process) -> Iterator[FileId]:
    if HAS_HANDLES:
        folder = f"/proc/{process.pid}/fd"
        return _ids(f"{folder}/{handle}" for handle in os.listdir(folder))
    return _ids(one.path for one in process.open_files())


def _ids(paths: Iterator[str]) -> Iterator[FileId]:
    for path in paths:
        try:
            facts = os.stat(path)
        except OSError:  # there is none, or it was closed just now
            continue
        yield facts.st_dev, facts.st_ino


def _is_program(process: psutil.Process) -> bool:
    """Whether it is more than a thread of the kernel, which has no command line and no files."""
    try:
        return bool(process.cmdline())
    except psutil.Error:
        return True

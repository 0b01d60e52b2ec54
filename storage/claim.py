"""A key's claim on the whole machine: a name that the kernel gives to one process at a time.

The lease is a lock on a file in one folder. Where that folder is removed while it is in use, or
copied with all that is in it, there are two files and two locks for one key. So a key also has a
name among the abstract Unix sockets of Linux: the kernel takes it back, like the lock, the moment
its process dies. Elsewhere, and in another network namespace, the lock alone decides.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Final, Protocol

import psutil

__all__ = ["Claim", "NoClaim", "claim", "claimant"]

logger = logging.getLogger(__name__)

NAME: Final = "telewarden/{:016x}"
SOCKETS: Final = Path("/proc/net/unix")  # of this network namespace: inode and name of each
FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Claim(Protocol):
    """What is held while a key is claimed."""

    def close(self) -> None:
        """Give the claim up; a second time does nothing."""


class NoClaim:
    """Stands for a claim where there are none."""

    def close(self) -> None:
        """Nothing is held."""


def claim(key_id: int) -> Claim | None:
    """Claim a key for this process; ``None`` if another holds it, or this one already.

    Raises:
        OSError: the process has no room for one more socket.
    """
    if sys.platform != "linux":
        return NoClaim()
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind("\0" + NAME.format(key_id))
    except OSError as exc:
        holder.close()
        if exc.errno == errno.EADDRINUSE:
            return None
        if exc.errno in FULL:
            raise
        logger.debug("key not claimed key=%016x why=%s", key_id, exc.strerror)  # a sandbox, say
        return NoClaim()
    return holder


def claimant(key_id: int) -> int | None:
    """Return the number of the process that has claimed a key; 0 if it cannot be told who.

    ``None`` where nobody has. Blocks: it looks through the processes of this machine.
    """
    wanted = f"@{NAME.format(key_id)}"
    try:
        lines = SOCKETS.read_text().splitlines()
    except OSError:
        return None
    inodes = {line.split()[6] for line in lines if line.endswith(f" {wanted}")}
    if not inodes:
        return None
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            folder = f"/proc/{process.pid}/fd"
            if any(_link(f"{folder}/{handle}") in links for handle in os.listdir(folder)):
                return process.pid
    return 0


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""

"""Peer credentials of a Unix socket, as the kernel reports them (SO_PEERCRED).

What a process says of itself is no proof; the user that the kernel noted when the other end
connected, or began to listen, is. Elsewhere than on Linux nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Final

CREDENTIALS: Final = struct.Struct("3i")  # process, user, group: struct ucred
ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end. ``pid`` is 0 where it cannot be seen from here."""

    pid: int
    uid: int

    def __str__(self) -> str:
        process = f"process {self.pid}" if self.pid else "a process"
        return f"{process} of user {user_name(self.uid)}"


def peer_of(connection: socket.socket) -> Peer | None:
    """Return who is at the other end; ``None`` where the system does not say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    with contextlib.suppress(OSError):
        credentials = connection.getsockopt(socket.SOL_SOCKET, option, CREDENTIALS.size)
        pid, uid, _ = CREDENTIALS.unpack(credentials)
        return Peer(pid, uid)
    return None


def is_trusted(uid: int) -> bool:
    """Whether a user may do what this process may: it is the same one, or root."""
    return uid in {os.geteuid(), ROOT}


def user_name(uid: int) -> str:
    """A user as people know him, with his number."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    except KeyError:
        return str(uid)

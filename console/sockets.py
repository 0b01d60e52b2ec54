"""Listening sockets, bound before the tree starts, so that an occupied address fails early.

A console that is restarted goes on with the same sockets: it listens on copies, and the owner of
the original closes that when everything has stopped.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import ListenError
from ..peer_credentials import is_trusted, peer_of

BACKLOG: Final = 128
LAST_PORT: Final = 65535
LONGEST_PATH: Final = 100  # bytes; the kernels take 103 to 107, with room left for a probe's suffix
PROBE: Final = 1.0  # seconds to find out whether somebody listens; it is known at once

WHYS: Final[Mapping[int, str]] = {
    errno.EADDRINUSE: "another program listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not",
}


def bind_tcp(host: str, port: int) -> socket.socket:
    """Listen on ``host`` and ``port``; port 0 takes a free one.

    Raises:
        ListenError: it is taken, not this machine's, or not allowed.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not 0 <= port <= LAST_PORT:  # the resolver would take it modulo 65536
        raise ListenError("the console", address, f"ports go from 0 to {LAST_PORT}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise ListenError("the console", address, "no such address is known here") from exc
    family, kind, protocol, _, place = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise ListenError("the console", address, _why(exc)) from exc
    listener.setblocking(False)
    return listener


class UnixListener(socket.socket):
    """A listening Unix socket that takes its file along when it is closed; its copies do not."""

    path: Path | None = None
    _identity: tuple[int, int] | None = None

    def adopt(self, path: Path) -> None:
        """Own the file at ``path``, which this socket has just made."""
        self.path, self._identity = path, _identity(path)

    def close(self) -> None:
        """Stop listening and remove the file, unless somebody has put another one there."""
        super().close()
        path, self.path = self.path, None
        if path is not None and _identity(path) == self._identity:
            path.unlink(missing_ok=True)


def bind_unix(path: Path | str, *, what: str = "the control socket") -> UnixListener:
    """Listen on a Unix socket that only this user may use (0600).

    A socket file that nobody listens on, left by a process that was killed, is replaced.

    Raises:
        ListenError: a process listens there, something else has that name, the folder cannot be
            written, or the path is longer than such a path may be.
    """
    path = Path(path)
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        why = f"the path has {length} bytes, and a socket's may have {LONGEST_PATH} at most"
        raise ListenError(what, str(path), why)
    _clear(path, what)
    listener = UnixListener(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # before it listens: until then nobody can connect
        listener.adopt(path)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise ListenError(what, str(path), _why(exc)) from exc
    listener.setblocking(False)
    return listener


def _clear(path: Path, what: str) -> None:
    """Remove a socket file that nobody listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ListenError(what, str(path), _why(exc)) from exc
    if not stat.S_ISSOCK(mode):
        raise ListenError(what, str(path), "a file of that name is no socket")
    listener = _who_listens(path)
    if listener is not None:
        raise ListenError(what, str(path), f"{listener} listens there")
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:  # another user's, in a folder where everybody keeps his own
        raise ListenError(what, str(path), _why(exc)) from exc


def _who_listens(path: Path) -> str | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            return "somebody"  # its queue is full, or it is another user's
        peer = peer_of(probe)
        return "another warden" if peer is None or is_trusted(peer.uid) else str(peer)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _why(error: OSError) -> str:
    return WHYS.get(error.errno or 0, error.strerror or str(error))

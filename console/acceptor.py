"""Accepting of connections: a bounded number, from permitted users only.

``asyncio``'s own server takes as many as come, and when the process has no descriptors left it
says so two thousand times a second. Here the one that has been quiet for longest makes room
for a new one, so that callers who say nothing keep nobody out, and a shortage is a pause.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ..peer_credentials import is_trusted, peer_of
from ..supervision import LineLimit

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())  # strangers can provoke them

MOST: Final = 128  # connections; a page has one, a scrape another
AT_ONCE: Final = 16  # connections taken in one turn of the loop
RESUME_AFTER: Final = 1.0  # seconds until a process without free descriptors tries again
SHORT_OF: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
REFUSED: Final = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 29\r\n"
    b"connection: close\r\n\r\nthis socket is another user's"
)


class Guest(Protocol):
    """A connection's protocol, as far as taking connections goes."""

    @property
    def transport(self) -> asyncio.Transport:
        """What it goes over."""
        ...

    @property
    def busy(self) -> bool:
        """Whether it is of use to somebody now."""
        ...

    @property
    def since(self) -> float:
        """When it began to be so, or to be quiet."""
        ...

    def cut(self) -> None:
        """End it at once."""


class Acceptor:
    """Takes connections on a copy of ``listening``.

    Args:
        listening: a listening socket; stays its owner's.
        make: makes a connection's protocol, which is an asyncio one and a ``Guest``.
        taken: the connections that are open.
        most: how many may be.
        refusal: what another user's program is told.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        taken: Callable[[], Sequence[Guest]],
        *,
        most: int = MOST,
        refusal: bytes = REFUSED,
    ) -> None:
        self._refusal = refusal
        self._original, self._make, self._taken, self._most = listening, make, taken, most
        self._listening: socket.socket | None = None
        self._resuming: asyncio.TimerHandle | None = None
        self._coming: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Take connections from now on, in the running loop."""
        self._listening = self._original.dup()
        self._listening.setblocking(False)
        self._watch()

    async def close(self) -> None:
        """Take no more."""
        listening, self._listening = self._listening, None
        if self._resuming is not None:
            self._resuming.cancel()
        if listening is not None:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        await asyncio.gather(*self._coming, return_exceptions=True)

    def _watch(self) -> None:
        self._resuming = None
        if self._listening is not None:
            asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._listening is None:
                return
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                self._pause(exc)
                return
            self._take(connection)

    def _pause(self, exc: OSError) -> None:
        """Look away for a moment: the socket stays readable and would be looked at all the time."""
        if self._listening is None:
            return
        if exc.errno in SHORT_OF:
            logger.warning(
                "no connection can be taken: %s; raise the limit of open files (ulimit -n)",
                exc.strerror,
            )
            self._make_room()
        else:
            logger.warning("no connection can be taken: %s", exc.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listening)
        self._resuming = loop.call_later(RESUME_AFTER, self._watch)

    def _take(self, connection: socket.socket) -> None:
        if not _may_connect(connection, self._refusal):
            connection.close()
            return
        if len(self._open_ones()) + len(self._coming) >= self._most:
            self._make_room()
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._serve(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make, connection)
        except OSError as exc:  # it has gone already
            logger.debug("connection lost at once why=%s", exc)
            connection.close()

    def _make_room(self) -> None:
        """Cut the connection that has been quiet for longest, or busy if none is quiet."""
        found = min(self._open_ones(), key=lambda one: (one.busy, one.since), default=None)
        if found is not None:
            logger.info("connection cut: another waits for its place")
            found.cut()

    def _open_ones(self) -> list[Guest]:
        return [one for one in self._taken() if not one.transport.is_closing()]


def _may_connect(connection: socket.socket, refusal: bytes) -> bool:
    if connection.family != socket.AF_UNIX:
        return True
    peer = peer_of(connection)
    if peer is None or is_trusted(peer.uid):
        return True
    logger.warning("command refused: it comes from %s", peer)
    connection.setblocking(False)
    try:
        connection.send(refusal)
    except OSError:
        logger.debug("refusal not taken")
    return False

"""A program's connection to the owner of a session: frames in, frames out.

It looks at who listens before it says a word, and knows nothing of what the frames mean.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...errors import WardenUnreachableError
from ...peer_credentials import is_trusted, peer_of
from .frames import LONGEST_ANSWER, Frame, FrameBuffer, FrameError

CONNECT_WITHIN: Final = 5.0  # seconds; the owner is on this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a session's owner listens, and who comes.

    Args:
        socket: the path of its Unix socket.
        session: the session's name.
        program: what the program calls itself.
        patience: seconds that a pause of the owner or its session may take.
        owner: a user who may listen there, besides the one who asks and root.
    """

    socket: Path
    session: str
    program: str
    patience: float = 60.0
    owner: int | None = None


class Line(asyncio.Protocol):
    """One connection.

    Args:
        hear: called with each frame.
        lost: called once when it has ended, with why, if there is a reason.
    """

    def __init__(
        self, hear: Callable[[Frame], None], lost: Callable[[BaseException | None], None]
    ) -> None:
        self._hear, self._lost = hear, lost
        self._buffer = FrameBuffer(LONGEST_ANSWER)
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            for frame in self._buffer.feed(data):
                self._hear(frame)
        except FrameError as error:
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._end(exc)

    def write(self, frame: bytes) -> None:
        """Send a frame; those of one turn of the loop leave together."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(frame)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None:
            self._transport.write(b"".join(outgoing))

    def close(self) -> None:
        """End it; nobody is told."""
        self._lost = _nobody
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        transport, self._transport = self._transport, None
        lost, self._lost, self._hear = self._lost, _nobody, _nobody
        if transport is not None:
            transport.close()
        lost(error)


def _nobody(_: object) -> None:
    """Nobody is told any more."""


async def open_line(
    door: Door, hear: Callable[[Frame], None], lost: Callable[[BaseException | None], None]
) -> Line:
    """Connect to the owner.

    Raises:
        WardenUnreachableError: nobody listens there, or somebody who is not to be trusted.
    """
    loop = asyncio.get_running_loop()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(CONNECT_WITHIN):
            await loop.sock_connect(connection, str(door.socket))
        peer = peer_of(connection)
        if peer is not None and not is_trusted(peer.uid) and peer.uid != door.owner:
            why = f"is not the one: {peer} listens there, to whom nothing was said"
            raise WardenUnreachableError(door.socket, f"{why}; find out what that is")
        _, line = await loop.create_unix_connection(lambda: Line(hear, lost), sock=connection)
    except (FileNotFoundError, ConnectionRefusedError) as exc:
        connection.close()
        raise WardenUnreachableError(door.socket) from exc
    except OSError as exc:
        connection.close()
        raise WardenUnreachableError(door.socket, f"cannot be reached: {exc}") from exc
    except BaseException:  # also when cancelled: nothing stays open, and the error goes on
        connection.close()
        raise
    return line

"""One TCP connection: bytes in, bytes out, and injected faults.

What the bytes mean is ``conversation``'s matter.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, cast

from ..data_centre import DataCentre
from ..faults.actions import AcceptAndClose
from ..world.records import Authorization
from .conversation import Conversation, Requests
from .framing import BadFrameError, FrameReader, FrameWriter

# Linux tells of a peer that hung up even while unread data waits; elsewhere the loop must notice.
_HUNG_UP: Final = (
    getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)
)
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """A client's connection, from accept to close.

    Args:
        centre: the data centre it belongs to.
        dc_id: the number of the data centre whose port was dialled.
        answering: makes the one who answers what is asked here.
    """

    def __init__(
        self, centre: DataCentre, dc_id: int, answering: Callable[[Conversation], Requests]
    ) -> None:
        self.dc_id = dc_id
        self._centre = centre
        self.conversation = Conversation(self, centre, answering)
        self._frames_in, self._frames_out = FrameReader(), FrameWriter()
        self._transport: asyncio.Transport | None = None
        self._deaf = False
        self._held: list[bytes] | None = None
        self._unread: list[bytes] | None = None

    @property
    def authorization(self) -> Authorization | None:
        """The key in use, once the client has sent something with it."""
        return self.conversation.authorization

    @property
    def is_open(self) -> bool:
        """Whether the client is still at the other end."""
        return self._transport is not None and not _hung_up(self._transport)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as has been noticed."""
        return self._transport is not None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, unless a rule meets it at the door."""
        self._transport = cast("asyncio.Transport", transport)  # what TCP servers hand out
        # asyncio does this only for sockets made with IPPROTO_TCP; without it, an answer that
        # follows a push waits 40 ms for the client's acknowledgement.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._centre.connections.open.add(self)
        self._centre.stats.connects += 1
        met = self._centre.faults.at_the_door() if self._centre.faults else None
        if isinstance(met, AcceptAndClose):
            self.abort()
        elif met is not None:
            self._deaf = True

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is not a frame ends the connection."""
        if self._deaf:
            return
        if self._unread is not None:
            self._unread.append(data)
            return
        try:
            with self.conversation.corked():
                for payload in self._frames_in.feed(data):
                    self.conversation.take(payload)
        except (BadFrameError, struct.error):  # no frame, or a container that is none
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Forget a connection that is closed."""
        self._transport = None
        self._centre.connections.release(self)

    # Out

    def send(self, payload: bytes, *, spoil_checksum: bool = False) -> None:
        """Send one payload in a frame."""
        self.send_raw(self._frames_out.wrap(payload, spoil_checksum=spoil_checksum))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, or hold them while writing is stalled."""
        if self._held is not None:
            self._held.append(data)
        elif self._transport is not None:
            self._transport.write(data)

    def send_transport_error(self, code: int, *, raw: bool = False) -> None:
        """Send a transport error such as -404."""
        number = struct.pack("<i", code)
        if raw:
            self.send_raw(number * 3)
        else:
            self.send(number)

    def abort(self, *, reset: bool = False) -> None:
        """Close at once, what was not sent is lost; with ``reset`` the peer gets an RST."""
        if self._transport is not None:
            if reset:
                self._transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
                )
            self._transport.abort()

    # Stalls

    def stall_reading(self, seconds: float | None) -> None:
        """Stop reading; after ``seconds`` go on where it stopped."""
        if self._transport is not None and self._unread is None:
            self._unread = []
            self._transport.pause_reading()
            self._later(seconds, self._resume_reading)

    def stall_writing(self, seconds: float | None) -> None:
        """Stop writing; after ``seconds`` send what has gathered."""
        if self._held is None:
            self._held = []
            self._later(seconds, self._resume_writing)

    def _later(self, seconds: float | None, resume: Callable[[], None]) -> None:
        if seconds is not None:
            self._centre.later(seconds, resume)

    def _resume_reading(self) -> None:
        unread, self._unread = self._unread or [], None
        if self._transport is not None:
            self._transport.resume_reading()
        for data in unread:
            self.data_received(data)

    def _resume_writing(self) -> None:
        held, self._held = self._held or [], None
        for data in held:
            self.send_raw(data)


def _hung_up(transport: asyncio.Transport) -> bool:
    """Whether the peer is gone although the loop has not told us yet.

    A client that reconnects closes first; without this look a quick one, or one
    whose old connection is stalled here, would pass for a second owner of its key.
    """
    if transport.is_closing():
        return True
    sock: Any = transport.get_extra_info("socket")
    if not _HUNG_UP or sock is None or sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _HUNG_UP)
    return bool(poll.poll(0))

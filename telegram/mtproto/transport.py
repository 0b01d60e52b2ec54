"""One TCP connection in MTProto's full framing: frames in, frames out, no task.

Telethon runs two tasks and two queues for this; here what arrives is cut into frames in the
same breath and handed on. Until ``serve`` they wait to be fetched with ``recv``, which is what
Telethon's key exchange does.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast
from zlib import crc32

from telethon.errors import InvalidBufferError, InvalidChecksumError

from ..proxies import Proxy

HEAD: Final = struct.Struct("<ii")  # length of the whole frame, and its number
SUM: Final = struct.Struct("<I")  # CRC-32 of all before
LARGEST: Final = 64 << 20  # bytes; Telegram sends no frame near this, a damaged length may say so
LAST_BYTES: Final = 10.0  # seconds that unsent data gets when the line is closed


class MtprotoTransport(asyncio.Protocol):
    """One connection; made new for every connect.

    Args:
        host: an IP address.
        port: its TCP port.
        proxy: the way there; None for the direct one.
    """

    __slots__ = (
        "_buffer",
        "_deaf",
        "_frames",
        "_gone",
        "_host",
        "_on_frame",
        "_on_lost",
        "_port",
        "_proxy",
        "_reader",
        "_sent",
        "_transport",
        "_trouble",
    )

    def __init__(self, host: str, port: int, *, proxy: Proxy | None = None) -> None:
        self._host, self._port, self._proxy = host, port, proxy
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._sent = 0
        self._deaf = False
        self._trouble: Exception | None = None
        self._frames: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._on_frame: Callable[[bytes], object] | None = None
        self._on_lost: Callable[[Exception], object] | None = None

    def __str__(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport, while there is one."""
        return self._transport

    async def connect(self, *, timeout: float | None) -> None:
        """Connect within ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        if self._proxy is not None:
            sock = await self._proxy.connect(self._host, self._port, timeout=timeout)
            await loop.create_connection(self._itself, sock=sock)
            return
        async with asyncio.timeout(timeout):
            await loop.create_connection(self._itself, self._host, self._port)

    def serve(
        self, on_frame: Callable[[bytes], object], on_lost: Callable[[Exception], object]
    ) -> None:
        """From now on hand every frame to ``on_frame``, and the cause of a loss to ``on_lost``."""
        self._on_frame, self._on_lost = on_frame, on_lost
        frames, self._frames = self._frames, []
        for frame in frames:
            on_frame(frame)
        if self._trouble is not None:
            on_lost(self._trouble)

    def write(self, data: bytes) -> None:
        """Send one frame; what the peer does not take yet is kept."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("Telegram closed the connection")
        frame = HEAD.pack(len(data) + 12, self._sent) + data
        self._sent += 1
        transport.write(frame + SUM.pack(crc32(frame)))

    async def send(self, data: bytes) -> None:
        """Send one frame, as Telethon's key exchange calls it."""
        self.write(data)

    async def recv(self) -> bytes:
        """Wait for the next frame, before ``serve``."""
        while not self._frames:
            if self._trouble is not None:
                raise self._trouble
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._frames.pop(0)

    async def disconnect(self) -> None:
        """Close, and return when it is off; data that nobody takes is dropped after a while."""
        self._on_frame = self._on_lost = None
        self._lose(ConnectionAbortedError("the connection was closed"))
        transport = self._transport
        if transport is None:
            return
        self._gone = self._gone or asyncio.get_running_loop().create_future()
        transport.close()
        try:
            async with asyncio.timeout(LAST_BYTES):
                await asyncio.shield(self._gone)
        except TimeoutError:
            transport.abort()

    def abort(self) -> None:
        """Drop the connection at once, unsent data and all."""
        if self._transport is not None:
            self._transport.abort()

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Something came; it may be a part of a frame or many."""
        if self._deaf:
            return
        buffer = self._buffer + data if self._buffer else data
        at = 0
        try:
            while length := _length(buffer, at):
                frame = buffer[at : at + length]
                at += length
                self._hand_on(_body(frame))
        except (InvalidBufferError, InvalidChecksumError) as error:
            self._lose(error)
        self._buffer = buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is off, whoever closed it."""
        self._transport = None
        rest, self._buffer = self._buffer, b""
        if 0 < len(rest) < HEAD.size and not self._deaf:
            self._hand_on(rest)  # a bare code without a frame, which Telegram then closes upon
        self._lose(exc or asyncio.IncompleteReadError(b"", HEAD.size))
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    # -- inside

    def _itself(self) -> MtprotoTransport:
        return self

    def _hand_on(self, frame: bytes) -> None:
        if self._on_frame is not None:
            self._on_frame(frame)
        else:
            self._frames.append(frame)
            self._wake()

    def _lose(self, error: Exception) -> None:
        if self._deaf:
            return
        self._deaf, self._trouble = True, error
        self._wake()
        if self._on_lost is not None:
            self._on_lost(error)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _length(buffer: bytes, at: int) -> int:
    """How long the frame at ``at`` is; 0 while it is not whole."""
    if len(buffer) - at < HEAD.size:
        return 0
    length, number = HEAD.unpack_from(buffer, at)
    if length < 0 and number < 0:  # Telegram's refusals come twice, the second time as a body
        if len(buffer) - at < HEAD.size + 4:
            return 0
        raise InvalidBufferError(buffer[at + HEAD.size : at + HEAD.size + 4])
    if not HEAD.size + SUM.size <= length <= LARGEST:
        raise InvalidBufferError(buffer[at : at + HEAD.size])
    return int(length) if len(buffer) - at >= length else 0


def _body(frame: bytes) -> bytes:
    (told,) = SUM.unpack_from(frame, len(frame) - SUM.size)
    found = crc32(frame[: -SUM.size])
    if told != found:
        raise InvalidChecksumError(told, found)
    return frame[HEAD.size : -SUM.size]

"""TCP framing as in Telethon's default transport ("full").

``length counter payload crc32``, all little-endian, the length counting itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final
from zlib import crc32

_HEAD: Final = struct.Struct("<ii")
_CRC: Final = struct.Struct("<I")
_SMALLEST: Final = 12
_LARGEST: Final = 16 * 1024 * 1024  # far above Telethon's 1 MiB; anything larger is not a frame


class BadFrameError(Exception):
    """The bytes are not a frame; the connection can only be closed."""


class FrameReader:
    """Cuts a stream into payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes and yield the payloads that are whole now."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _SMALLEST:
            (length, _counter) = _HEAD.unpack_from(buffer)
            if not _SMALLEST <= length <= _LARGEST:
                raise BadFrameError(f"frame length {length}")
            if len(buffer) < length:
                return
            frame = bytes(buffer[:length])
            del buffer[:length]
            if crc32(frame[:-4]) != _CRC.unpack_from(frame, length - 4)[0]:
                raise BadFrameError("checksum")
            yield frame[8:-4]


class FrameWriter:
    """Wraps payloads, counting them."""

    def __init__(self) -> None:
        self._counter = 0

    def wrap(self, payload: bytes, *, spoil_checksum: bool = False) -> bytes:
        """One frame; with ``spoil_checksum`` its receiver must refuse it."""
        frame = _HEAD.pack(len(payload) + _SMALLEST, self._counter) + payload
        self._counter += 1
        checksum = crc32(frame) ^ (0xFFFFFFFF if spoil_checksum else 0)
        return frame + _CRC.pack(checksum)

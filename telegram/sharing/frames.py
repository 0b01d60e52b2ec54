"""Frames between a program and the owner of a session. Pure.

A frame is a head (length of what follows it, kind, number; little-endian) and a payload. Requests,
answers and updates are TL as Telegram has it; what the two ends say of themselves is JSON. A
number is the caller's, of one call; it is 0 in frames that belong to none.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = 1
HEAD: Final = struct.Struct("<IBQ")
PLACE: Final = struct.Struct("<I")
LONGEST_CALL: Final = 2 * 1024 * 1024  # bytes; a part of a file is half a MiB, a text 4 KiB
LONGEST_ANSWER: Final = 32 * 1024 * 1024  # bytes; what Telegram gives at once is far smaller


class Kind(enum.IntEnum):
    """What a frame is; the first two come from the program."""

    HELLO = 1
    CALL = 2
    WELCOME = 16
    ANSWER = 17
    RPC_ERROR = 18
    FAILED = 19
    UPDATES = 20
    END = 21


KINDS: Final = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, whole."""

    kind: Kind
    number: int
    payload: bytes

    @property
    def said(self) -> Mapping[str, Any]:
        """Its payload as a JSON object.

        Raises:
            FrameError: it is none.
        """
        try:
            said = json.loads(self.payload)
        except ValueError as exc:
            raise FrameError("what should be JSON is none") from exc
        if not isinstance(said, dict):
            raise FrameError("what should be a JSON object is none")
        return said


class FrameError(ValueError):
    """What came is no frame of ours; the connection is of no use any more."""


def pack(kind: Kind, number: int, payload: bytes) -> bytes:
    """A frame as it travels."""
    return HEAD.pack(len(payload), kind, number) + payload


def pack_said(kind: Kind, number: int, said: Mapping[str, object]) -> bytes:
    """A frame with a JSON object."""
    return pack(kind, number, json.dumps(said).encode())


def pack_call(number: int, data: bytes, *, dc_id: int = 0) -> bytes:
    """A request to be carried out; in another data centre than the session's own if one is given.

    Args:
        number: any that no other call under way has.
        data: the request in TL.
        dc_id: the data centre, 0 for the session's own.
    """
    return pack(Kind.CALL, number, PLACE.pack(dc_id) + data)


def unpack_call(payload: bytes) -> tuple[int, bytes]:
    """The data centre and the TL of a request.

    Raises:
        FrameError: it is too short to be one.
    """
    if len(payload) < PLACE.size:
        raise FrameError("a call is too short")
    (dc_id,) = PLACE.unpack_from(payload)
    return dc_id, payload[PLACE.size :]


class FrameBuffer:
    """Frames out of a stream of bytes.

    Args:
        longest: bytes of a payload that are taken.
    """

    __slots__ = ("_data", "_longest")

    def __init__(self, longest: int) -> None:
        self._data, self._longest = bytearray(), longest

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and is not whole."""
        return bool(self._data)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and give what is whole by now.

        Raises:
            FrameError: what came is no frame, or one that is too long.
        """
        buffer = self._data
        buffer += data
        place = 0
        try:
            while len(buffer) - place >= HEAD.size:
                length, kind, number = HEAD.unpack_from(buffer, place)
                if kind not in KINDS:
                    raise FrameError(f"kind {kind} is unknown")
                if length > self._longest:
                    raise FrameError(f"a frame of {length} bytes; {self._longest} are taken")
                end = place + HEAD.size + length
                if len(buffer) < end:
                    return
                yield Frame(Kind(kind), number, bytes(buffer[place + HEAD.size : end]))
                place = end
        finally:
            del buffer[:place]

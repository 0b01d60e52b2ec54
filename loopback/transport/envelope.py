"""MTProto 2.0 encryption on the server's side, and its message ids."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from .._tl import AES

_HEAD: Final = struct.Struct("<qqqii")  # salt, session, msg_id, seq, length
_INNER: Final = struct.Struct("<qii")
_CONTAINER: Final = struct.pack("<I", 0x73F1F8DC)


class BadEnvelopeError(Exception):
    """The message does not decrypt to what its key promises."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened message: its header and the body, which may be a container."""

    salt: int
    session_id: int
    msg_id: int
    seq: int
    body: bytes

    def messages(self) -> Iterator[tuple[int, int, bytes]]:
        """The messages inside as (id, seq, body): several from a container, else this one."""
        if self.body[:4] != _CONTAINER:
            yield self.msg_id, self.seq, self.body
            return
        position = 8
        for _ in range(struct.unpack_from("<i", self.body, 4)[0]):
            msg_id, seq, length = _INNER.unpack_from(self.body, position)
            position += _INNER.size
            yield msg_id, seq, self.body[position : position + length]
            position += length


def _aes_key(key: bytes, msg_key: bytes, offset: int) -> tuple[bytes, bytes]:
    a = sha256(msg_key + key[offset : offset + 36]).digest()
    b = sha256(key[offset + 40 : offset + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]


def unseal(key: bytes, payload: bytes) -> Envelope:
    """Open what a client sent; raises ``BadEnvelopeError`` when it is not for this key."""
    msg_key = payload[8:24]
    if len(payload) < 56 or (len(payload) - 24) % 16:
        raise BadEnvelopeError("length")
    plain: Any = AES.decrypt_ige(payload[24:], *_aes_key(key, msg_key, 0))
    if sha256(key[88:120] + plain).digest()[8:24] != msg_key:
        raise BadEnvelopeError("msg_key")
    salt, session_id, msg_id, seq, length = _HEAD.unpack_from(plain)
    return Envelope(salt, session_id, msg_id, seq, plain[32 : 32 + length])


def seal(key: bytes, key_id: int, envelope: Envelope, *, spoil_key: bool = False) -> bytes:
    """Encrypt for the client; with ``spoil_key`` it will not believe the message."""
    head = _HEAD.pack(
        envelope.salt, envelope.session_id, envelope.msg_id, envelope.seq, len(envelope.body)
    )
    plain = head + envelope.body
    plain += os.urandom(-(len(plain) + 12) % 16 + 12)
    msg_key = sha256(key[96:128] + plain).digest()[8:24]
    cipher: bytes = AES.encrypt_ige(plain, *_aes_key(key, msg_key, 8))
    if spoil_key:
        msg_key = bytes(byte ^ 0xFF for byte in msg_key)
    return struct.pack("<Q", key_id) + msg_key + cipher


def pack_container(messages: list[tuple[int, int, bytes]]) -> bytes:
    """Several messages (id, seq, body) as one body."""
    parts = [_CONTAINER, struct.pack("<i", len(messages))]
    for msg_id, seq, body in messages:
        parts += (_INNER.pack(msg_id, seq, len(body)), body)
    return b"".join(parts)


class MessageClock:
    """Hands out the server's message ids and sequence numbers for one connection.

    Ids are the time times 2^32, rise strictly, and are odd: 1 in an answer, 3
    unasked. A client refuses ids more than 300 s behind or 30 s ahead of its clock.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._last = 0
        self._sequence = 0

    def next_id(self, *, reply: bool) -> int:
        """A fresh id."""
        fresh = (int(self._wall() * (1 << 32)) & ~3) | (1 if reply else 3)
        if fresh <= self._last:
            fresh = ((self._last >> 2) + 1 << 2) | (1 if reply else 3)
        self._last = fresh
        return fresh

    def next_seq(self, *, content: bool) -> int:
        """The sequence number that goes with it."""
        seq = self._sequence * 2 + int(content)
        self._sequence += int(content)
        return seq

    def skew_of(self, msg_id: int) -> int | None:
        """The error code for a client's id that is out of time: 16 too old, 17 too new."""
        ahead = (msg_id >> 32) - self._wall()
        if ahead < -300:
            return 16
        return 17 if ahead > 30 else None

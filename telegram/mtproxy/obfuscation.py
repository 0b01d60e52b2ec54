"""The obfuscated stream of an MTProxy: AES-256-CTR both ways, keyed by its first 64 bytes.

Frames in it are "intermediate": a length and the payload, and with a padded secret up to 15 random
bytes more, so that no length tells what is inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from .faketls import Records, records
from .secret import MtproxySecret

Entropy = Callable[[int], bytes]

HEADER: Final = 64  # bytes
INTERMEDIATE, PADDED = b"\xee" * 4, b"\xdd" * 4
# What a header must not begin with: other protocols do, and would be taken for them.
TAKEN: Final = (
    b"\xef",
    b"HEAD",
    b"POST",
    b"GET ",
    b"OPTI",
    b"\x16\x03\x01\x02",
    INTERMEDIATE,
    PADDED,
)
LENGTH: Final = Struct("<I")
QUICK_ACK: Final = 1 << 31  # set in a length; never asked for here
LARGEST: Final = 64 << 20  # bytes; Telegram sends no frame near this, a damaged length may say so
SMALLEST: Final = 24  # bytes of a message's head; what is shorter is a code
IN_CLEAR: Final = 20  # bytes of the head of a message without a key
BLOCK: Final = 16
MOST_PADDING: Final = 16


class BadStreamError(Exception):
    """What came is no frame; the line is of no use any more."""


class ObfuscatedStream:
    """One connection's two directions.

    Args:
        secret: the proxy's.
        dc_id: the data centre that the proxy is to connect to.
        entropy: random bytes.
    """

    def __init__(self, secret: MtproxySecret, dc_id: int, *, entropy: Entropy = os.urandom) -> None:
        self._entropy, self._padded = entropy, secret.padded
        self._records = None if secret.domain is None else Records()
        start = _start(entropy)
        start[56:60] = PADDED if secret.padded else INTERMEDIATE
        start[60:62] = dc_id.to_bytes(2, "little", signed=True)
        there, back = bytes(start[8:56]), bytes(start[8:56])[::-1]
        self._encrypt = _cipher(there[:32], there[32:48], secret.key)
        self._decrypt = _cipher(back[:32], back[32:48], secret.key)
        start[56:64] = self._encrypt(bytes(start))[56:64]
        self._header = bytes(start)
        self._buffer = b""

    def begin(self) -> bytes:
        """What is sent first."""
        return self._wrap(self._header, first=True)

    def outgoing(self, payload: bytes) -> bytes:
        """One frame, as it is sent."""
        extra = self._entropy(self._entropy(1)[0] % MOST_PADDING) if self._padded else b""
        frame = LENGTH.pack(len(payload) + len(extra)) + payload + extra
        return self._wrap(self._encrypt(frame))

    def incoming(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are whole with what has come.

        Raises:
            BadStreamError: it is no frame.
        """
        plain = data if self._records is None else self._records.feed(data)
        self._buffer += self._decrypt(plain)
        while len(self._buffer) >= LENGTH.size:
            length = LENGTH.unpack_from(self._buffer)[0] & ~QUICK_ACK
            if not LENGTH.size <= length <= LARGEST:
                raise BadStreamError(f"a frame of {length} bytes")
            if len(self._buffer) < LENGTH.size + length:
                return
            frame = self._buffer[LENGTH.size : LENGTH.size + length]
            self._buffer = self._buffer[LENGTH.size + length :]
            yield _unpadded(frame)

    def _wrap(self, data: bytes, *, first: bool = False) -> bytes:
        return data if self._records is None else records(data, first=first)


def _start(entropy: Entropy) -> bytearray:
    while True:
        start = entropy(HEADER)
        if not start.startswith(TAKEN) and start[4:8] != bytes(4):
            return bytearray(start)


def _cipher(key: bytes, iv: bytes, secret: bytes) -> Callable[[bytes], bytes]:
    return Cipher(AES256(sha256(key + secret).digest()), CTR(iv)).encryptor().update


def _unpadded(frame: bytes) -> bytes:
    """The message in a frame, or a code of Telegram's in the place of one.

    How long a message is, is in its head or follows from its blocks.
    """
    if len(frame) < SMALLEST:
        return frame[: LENGTH.size]
    if frame[:8] == bytes(8):
        return frame[: IN_CLEAR + LENGTH.unpack_from(frame, 16)[0]]
    return frame[: len(frame) - (len(frame) - SMALLEST) % BLOCK]

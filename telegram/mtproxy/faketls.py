"""The line that looks like TLS 1.3: a browser's greeting with a proof of the secret in its random.

Nothing is encrypted by TLS here. Who does not know the secret is shown the real site by the proxy,
and so is found out: its answer has no proof.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import time
from collections.abc import Callable
from hashlib import sha256
from struct import pack, unpack
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..errors.proxy_trouble import ProxyRefusalError, ProxyTrouble
from .secret import MtproxySecret

Entropy = Callable[[int], bytes]

HANDSHAKE, CHANGE_CIPHER, APPLICATION = 0x16, 0x14, 0x17
CHANGED: Final = b"\x14\x03\x03\x00\x01\x01"
RANDOM: Final = slice(11, 43)  # of a greeting or an answer, counted from its record's begin
HELLO: Final = 517  # bytes, as browsers fill it up
MOST: Final = 16_384  # bytes in a record
LARGEST: Final = MOST + 256
HEAD: Final = 5
SUITES: Final = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8)
GROUPS: Final = (0x001D, 0x0017, 0x0018)  # X25519, P-256, P-384
SIGNATURES: Final = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)


async def shake_hands(
    sock: socket.socket,
    secret: MtproxySecret,
    *,
    entropy: Entropy = os.urandom,
    wall: Callable[[], float] = time.time,
) -> None:
    """Greet a proxy and see that it knows the secret.

    Raises:
        ProxyRefusalError: it does not, or is none.
        OSError: it hung up.
    """
    hello = greeting(secret, entropy=entropy, wall=wall)
    await asyncio.get_running_loop().sock_sendall(sock, hello)
    answer = b"".join(
        [await _record(sock, kind) for kind in (HANDSHAKE, CHANGE_CIPHER, APPLICATION)]
    )
    proof = _proof(secret, hello[RANDOM] + _blanked(answer))
    if not hmac.compare_digest(proof, answer[RANDOM]):
        raise ProxyRefusalError(ProxyTrouble.SECRET_REFUSED)


def greeting(
    secret: MtproxySecret, *, entropy: Entropy = os.urandom, wall: Callable[[], float] = time.time
) -> bytes:
    """A browser's greeting; its random proves the secret and tells the time."""
    hello = _hello(secret.domain or "", entropy)
    proof = _proof(secret, hello)
    moment = int(wall()) & 0xFFFFFFFF
    stamped = proof[:28] + pack("<I", unpack("<I", proof[28:])[0] ^ moment)
    return hello[: RANDOM.start] + stamped + hello[RANDOM.stop :]


def records(data: bytes, *, first: bool = False) -> bytes:
    """Data in records; before the ``first`` a browser says that it has changed ciphers."""
    parts = [data[at : at + MOST] for at in range(0, len(data), MOST)]
    packed = b"".join(pack(">BHH", APPLICATION, 0x0303, len(one)) + one for one in parts)
    return CHANGED + packed if first else packed


class Records:
    """Takes what comes out of its records."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """Take in bytes; returns what is whole now. Other records than data are passed over."""
        buffer, at, found = self._buffer + data, 0, []
        while len(buffer) - at >= HEAD:
            kind, _, length = unpack(">BHH", buffer[at : at + HEAD])
            if len(buffer) - at < HEAD + length:
                break
            if kind == APPLICATION:
                found.append(buffer[at + HEAD : at + HEAD + length])
            at += HEAD + length
        self._buffer = buffer[at:]
        return b"".join(found)


def _proof(secret: MtproxySecret, said: bytes) -> bytes:
    return hmac.digest(secret.key, said, sha256)


def _blanked(answer: bytes) -> bytes:
    return answer[: RANDOM.start] + bytes(32) + answer[RANDOM.stop :]


async def _record(sock: socket.socket, kind: int) -> bytes:
    """The next record, of which it is known what it must be, and no byte more."""
    head = await _exactly(sock, HEAD)
    found, version, length = unpack(">BHH", head)
    if found != kind or version >> 8 != 3 or not 0 < length <= LARGEST:
        raise ProxyRefusalError(
            ProxyTrouble.SECRET_REFUSED if found == 0x15 else ProxyTrouble.GARBLED
        )
    return head + await _exactly(sock, length)


async def _exactly(sock: socket.socket, count: int) -> bytes:
    loop, found = asyncio.get_running_loop(), bytearray()
    while len(found) < count:
        piece = await loop.sock_recv(sock, count - len(found))
        if not piece:
            raise ProxyRefusalError(ProxyTrouble.CLOSED)
        found += piece
    return bytes(found)


# The greeting


def _hello(domain: str, entropy: Entropy) -> bytes:
    """A ClientHello of TLS 1.3 whose random is blank, filled up to what browsers send."""
    grease = [(entropy(1)[0] & 0xF0 | 0x0A) * 0x0101 for _ in range(3)]
    suites = b"".join(pack(">H", one) for one in (grease[0], *SUITES))
    fixed = (
        b"\x03\x03"
        + bytes(32)
        + _short(entropy(32))
        + _long(suites)
        + b"\x01\x00"  # no compression
    )
    extensions = _extensions(domain, grease[1], grease[2], entropy)
    filled = HELLO - 9 - len(fixed) - 2 - len(extensions) - 4
    if filled >= 0:
        extensions += _extension(0x0015, bytes(filled))
    body = fixed + _long(extensions)
    return (
        pack(">BHH", HANDSHAKE, 0x0301, len(body) + 4) + b"\x01" + pack(">I", len(body))[1:] + body
    )


def _extensions(domain: str, first: int, last: int, entropy: Entropy) -> bytes:
    name = domain.encode("ascii")
    key = X25519PrivateKey.from_private_bytes(entropy(32)).public_key().public_bytes_raw()
    groups = b"".join(pack(">H", one) for one in (first, *GROUPS))
    shares = pack(">H", first) + _long(b"\0") + pack(">H", GROUPS[0]) + _long(key)
    signatures = b"".join(pack(">H", one) for one in SIGNATURES)
    return b"".join(
        (
            _extension(first, b""),
            _extension(0x0000, _long(b"\0" + _long(name))),  # the site's name
            _extension(0x0017, b""),
            _extension(0xFF01, b"\0"),
            _extension(0x000A, _long(groups)),
            _extension(0x000B, _short(b"\0")),
            _extension(0x0023, b""),
            _extension(0x0010, _long(_short(b"h2") + _short(b"http/1.1"))),
            _extension(0x0005, b"\x01\0\0\0\0"),
            _extension(0x000D, _long(signatures)),
            _extension(0x0012, b""),
            _extension(0x0033, _long(shares)),
            _extension(0x002D, _short(b"\x01")),
            _extension(0x002B, _short(pack(">HHH", last, 0x0304, 0x0303))),
            _extension(0x001B, _short(b"\0\x02")),
            _extension(last if last != first else last ^ 0x1010, b"\0"),
        )
    )


def _extension(kind: int, body: bytes) -> bytes:
    return pack(">H", kind) + _long(body)


def _short(body: bytes) -> bytes:
    return bytes([len(body)]) + body


def _long(body: bytes) -> bytes:
    return pack(">H", len(body)) + body

"""Session strings: read strictly, checked, written; without Telethon and without network.

A Telethon string is the digit 1 and, in base64, data centre, address, port and 256 bytes of
key. It has no checksum: an altered string is accepted by Telethon and then hangs or is
refused by Telegram. So everything that can be checked is checked here, and a digest and the
key's id are kept beside a stored string.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Final

from ...errors import SessionStringDamagedError

KEY_BYTES: Final = 256
VERSION: Final = "1"
LENGTHS: Final = {353: 4, 369: 16}  # characters of the whole text: bytes of the address
LAYOUTS: Final = {size: struct.Struct(f">B{size}sH{KEY_BYTES}s") for size in LENGTHS.values()}
TO_BASE64: Final = bytes.maketrans(b"-_+/", b"+/!!")  # from the alphabet that is safe in URLs
GRAMJS: Final = re.compile(rb"\x00\x0e[0-9.]{14}")  # an address as text, with its length before it
PYROGRAM: Final = {351, 356, 362}  # lengths of Pyrogram's strings, old and new


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionString:
    """What a session string holds. ``host`` is an IP literal."""

    dc_id: int
    host: str
    port: int
    key: bytes = field(repr=False)

    @property
    def key_id(self) -> int:
        """The auth key's id, as Telegram and Telethon count it."""
        return key_id_of(self.key)

    @property
    def digest(self) -> str:
        """A digest of the whole, to be stored beside the string; tells nothing of the key."""
        return hashlib.sha256(b"telewarden string " + format_string(self).encode()).hexdigest()


def key_id_of(key: bytes) -> int:
    """Return the id of an auth key: the last 64 bits of its SHA-1."""
    return int.from_bytes(hashlib.sha1(key, usedforsecurity=False).digest()[12:20], "little")


def parse_string(text: str) -> SessionString:
    """Read a session string.

    Raises:
        SessionStringDamagedError: it is none, or is damaged beyond doubt.
    """
    text = text.strip()
    length = _address_length(text)
    if not text.isascii():  # Python's own error would hold the text
        raise SessionStringDamagedError("holds characters that do not belong there")
    try:
        written = text[1:].encode("ascii").translate(TO_BASE64)
        data = binascii.a2b_base64(written, strict_mode=True)
        dc_id, packed, port, key = LAYOUTS[length].unpack(data)
    except (binascii.Error, struct.error, ValueError) as error:
        raise SessionStringDamagedError("holds characters that do not belong there") from error
    if not any(packed):
        raise SessionStringDamagedError("names no server address")
    if GRAMJS.fullmatch(packed):
        raise SessionStringDamagedError("is GramJS's", way_out="give it to import_any")
    parts = SessionString(dc_id=dc_id, host=_literal(packed), port=port, key=key)
    _refuse_nonsense(parts)
    if binascii.b2a_base64(data, newline=False) != written:
        raise SessionStringDamagedError("ends in a way that no program writes")
    return parts


def check_string(
    text: str, *, digest: str | None = None, key_id: int | None = None
) -> SessionString:
    """Read a session string and hold it against what is known of it.

    Raises:
        SessionStringDamagedError: it is damaged, or is not the string that was stored.
    """
    parts = parse_string(text)
    if key_id is not None and parts.key_id != key_id:
        raise SessionStringDamagedError("holds another key than the one stored for it")
    if digest is not None and parts.digest != digest:
        raise SessionStringDamagedError("was altered since it was stored")
    return parts


def format_string(parts: SessionString) -> str:
    """Write a session string that any Telethon reads."""
    packed = _packed(parts.host)
    data = LAYOUTS[len(packed)].pack(parts.dc_id, packed, parts.port, parts.key)
    return VERSION + base64.urlsafe_b64encode(data).decode("ascii")


def _address_length(text: str) -> int:
    if not text:
        raise SessionStringDamagedError("is empty")
    if len(text) in PYROGRAM or (len(text) not in LENGTHS and text[0] != VERSION):
        raise SessionStringDamagedError(
            "is not Telethon's", way_out="give it to import_any, or log in anew"
        )
    if text[0] != VERSION:
        raise SessionStringDamagedError(f"starts with {text[0]!r} where version 1 is expected")
    if len(text) not in LENGTHS:
        raise SessionStringDamagedError(
            f"has {len(text)} characters where 353 (IPv4) or 369 (IPv6) are expected"
        )
    return LENGTHS[len(text)]


def _packed(literal: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET, literal)  # as in ``_literal``
    except OSError:
        return ipaddress.ip_address(literal).packed


def _literal(packed: bytes) -> str:
    if len(packed) == 4:
        return socket.inet_ntoa(packed)  # a tenth of what ipaddress takes, for nearly all of them
    return ipaddress.ip_address(packed).compressed


def _refuse_nonsense(parts: SessionString) -> None:
    if not parts.dc_id:
        raise SessionStringDamagedError("names data centre 0")
    if not parts.port:
        raise SessionStringDamagedError("names port 0")
    if not any(parts.key):
        raise SessionStringDamagedError("holds no key")

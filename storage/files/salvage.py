"""Recovery of what a damaged session file still holds.

Owns the search: a header with one bit turned is found by its checksum, a lost one is built anew
from what the database knows, bytes added at the end are left out, one turned bit of the sealed
string is turned back. What opens is authentic; nothing here can give a wrong key. Files are read
only, those in quarantine too.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ...errors import SealDamagedError, SessionFileDamagedError, WrongMasterKeyError
from ..crypto.bit_repair import decrypt_with_bit_repair, one_bit_flips
from ..crypto.vault import OVERHEAD, KeySlot, Vault
from .session_files import BODY, CHECKSUM, HEADER, SessionFiles, bound_row, parse_header

STRING_LENGTHS: Final = (353, 369)  # characters of a session string, IPv4 and IPv6


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownString:
    """What the database knows of a session string, so that a lost header can be built anew."""

    key_id: int
    dc_id: int
    digest: str  # SHA-256, hexadecimal


def salvage_session_file(
    files: SessionFiles, name: str, *, known: Iterable[KnownString] = ()
) -> tuple[str, ...]:
    """Return the session strings in the file of ``name`` and in those set aside; newest first.

    Nothing is changed and nothing raised: what cannot be read holds nothing.
    """
    found: dict[str, None] = {}
    knowledge = tuple(known)
    for raw in files.remains(name):
        text = _string_in(name, raw, files.vault, knowledge)
        if text is not None:
            found[text] = None
    return tuple(found)


def _string_in(name: str, raw: bytes, vault: Vault, known: tuple[KnownString, ...]) -> str | None:
    for header in dict.fromkeys(_headers(raw, vault, known)):
        try:
            facts, slot = parse_header(header)
            vault.adopt_for_opening(slot)
        except (SessionFileDamagedError, SealDamagedError, WrongMasterKeyError):
            continue
        for body in _bodies(raw[BODY:]):
            text = decrypt_with_bit_repair(vault, bound_row(name, header), body)
            if text is not None and hashlib.sha256(text).hexdigest() == facts.digest:
                return text.decode("utf-8")
    return None


def _headers(raw: bytes, vault: Vault, known: tuple[KnownString, ...]) -> Iterator[bytes]:
    """The headers that the file may have had, the likeliest first."""
    written, stored = raw[: HEADER.size], raw[HEADER.size : BODY]
    if len(written) == HEADER.size:
        yield _summed(written)
        if len(stored) == CHECKSUM.size:
            (checksum,) = CHECKSUM.unpack(stored)
            yield from (
                _summed(near) for near in one_bit_flips(written) if zlib.crc32(near) == checksum
            )
    for one in known:
        for slot in reversed(vault.slots):
            yield _built(one, slot)


def _bodies(rest: bytes) -> Iterator[bytes]:
    yield rest
    for length in STRING_LENGTHS:
        if len(rest) > OVERHEAD + length:
            yield rest[: OVERHEAD + length]


def _summed(header: bytes) -> bytes:
    return header + CHECKSUM.pack(zlib.crc32(header))


def _built(known: KnownString, slot: KeySlot) -> bytes:
    return SessionFiles.header(
        bytes.fromhex(known.digest), slot, key_id=known.key_id, dc_id=known.dc_id
    )

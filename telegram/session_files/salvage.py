"""Recovery of the auth key from a damaged session file's bytes.

What the file had learnt is ``salvage_learnt``'s.

SQLite gives up on a file whose header, tree or other pages are broken; the one row that
matters is 300 bytes in one place. It is looked for by the shape of its record. What is found
is a candidate: ``rescue_file`` holds its key id against those that are known, and turns one
bit of a key back where that makes it a known one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from ...errors import TelethonFileDamagedError
from .salvage_learnt import salvage_learnt
from .session_file import FileDamage, StoredSession, bytes_in, read_file
from .session_string import KEY_BYTES, SessionString, key_id_of

# SQLite's file format: a record is its header's length, a type for each column, the values.
# A blob of 256 bytes has type 12 + 2 * 256, which is written as these two bytes.
KEY_TYPE: Final = b"\x84\x0c"
NULL_TYPE: Final = 0  # dc_id is the row's own number, so that the record holds nothing for it
TEXT_TYPES: Final = range(13 + 2 * len("1.1.1.1"), 13 + 2 * 45 + 1, 2)
INTEGER_TYPES: Final = range(1, 4)  # one to three bytes: enough for a port
HEADERS: Final = range(6, 24)  # bytes of the record's header
SPELLED: Final = re.compile(rb"[0-9a-f:.]{7,}")  # as an address is, of which 7 are the fewest
PORT_BYTES: Final = 2  # of every port that Telegram has
ADDRESS: Final = re.compile(rb"((?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f:]{7,45})(..)\Z", re.DOTALL)
DATA_CENTRES: Final = {b"149.154.167": 2, b"149.154.175": 1, b"91.108.56": 5}  # the likeliest there
TRIED: Final = 1 << 20  # places that are tried for a known key, in some 2 s; a file has a dozen
BESIDE: Final = ("", "-wal", "-journal")


def rescue_file(
    path: Path | str, *, key_ids: Collection[int] = ()
) -> tuple[StoredSession, TelethonFileDamagedError | None]:
    """Read a Telethon session file, or what is left of it; with the damage, if there is any.

    Args:
        path: the file; it is not changed.
        key_ids: the keys that it may hold; empty when none is known.

    Raises:
        TelethonFileDamagedError: nothing in it can be used, or only another key than those known.
    """
    stored, damage = _read(path)
    candidates = (stored.parts,) if stored else salvage_file(path, key_ids=key_ids)
    for candidate in candidates:
        known = with_known_key(candidate, key_ids)
        if known is not None:
            return replace(stored or _left_of(path, known), parts=known), damage
    if damage is not None and not candidates:
        raise damage
    what = f"it holds {len(candidates)} keys, none of which is known for this session"
    raise TelethonFileDamagedError(path, FileDamage.OTHER_KEY, what)


def _left_of(path: Path | str, parts: SessionString) -> StoredSession:
    entities, states = salvage_learnt(bytes_in(path))
    return StoredSession(version=0, parts=parts, entities=entities, states=states)


def _read(path: Path | str) -> tuple[StoredSession | None, TelethonFileDamagedError | None]:
    try:
        return read_file(path), None
    except TelethonFileDamagedError as error:
        return None, error


def with_known_key(parts: SessionString, key_ids: Collection[int]) -> SessionString | None:
    """``parts`` if its key is a known one, or becomes one by turning one bit back; else None."""
    if not key_ids or parts.key_id in key_ids:
        return parts
    draft = bytearray(parts.key)
    for at in range(len(draft)):
        for bit in range(8):
            draft[at] ^= 1 << bit
            if key_id_of(bytes(draft)) in key_ids:
                return replace(parts, key=bytes(draft))
            draft[at] ^= 1 << bit
    return None


def salvage_file(path: Path | str, *, key_ids: Collection[int] = ()) -> tuple[SessionString, ...]:
    """Return every session found in the file and in what a dead writer left beside it.

    Known ``key_ids`` find their keys even where the row around them is broken.
    """
    found: dict[SessionString, None] = {}
    for suffix in BESIDE:
        try:
            data = bytes_in(f"{path}{suffix}")
        except OSError:
            continue
        found |= dict.fromkeys(salvage_keys(data))
        if not found and key_ids:
            found |= dict.fromkeys(_known_keys(data, key_ids))
    return tuple(found)


def salvage_keys(data: bytes) -> Iterator[SessionString]:
    """Yield every session whose row stands whole in ``data``, in the order found."""
    at = data.find(KEY_TYPE)
    while at >= 0:
        found = _row_at(data, at)
        if found is not None:
            yield found
        at = data.find(KEY_TYPE, at + 1)


def _known_keys(data: bytes, key_ids: Collection[int]) -> Iterator[SessionString]:
    for at in islice(_after_addresses(data), TRIED):
        if key_id_of(data[at : at + KEY_BYTES]) in key_ids:
            found = _around(data, at)
            if found is not None:
                yield found


def _after_addresses(data: bytes) -> Iterator[int]:
    """Where a key may stand: after what may be an address, and a port."""
    for spelled in SPELLED.finditer(data):
        first, last = spelled.start() + len("1.1.1.1"), spelled.end()
        yield from range(first + PORT_BYTES, min(last + PORT_BYTES, len(data) - KEY_BYTES) + 1)


def _around(data: bytes, at: int) -> SessionString | None:
    """Read what stands before a key that is certain: address and port, and whose they are."""
    told = ADDRESS.search(data[max(0, at - 64) : at])
    if told is None:
        return None
    host, port = told[1], int.from_bytes(told[2], "big")
    start = at - len(told[2]) - len(host)
    # The record's header tells its own length; before it stands the row's number.
    rows = (data[start - size - 1] for size in HEADERS if data[start - size] == size)
    dc_id = next((row for row in rows if 0 < row < 128), DATA_CENTRES.get(host.rpartition(b".")[0]))
    return None if dc_id is None else _session(dc_id, host, port, data[at : at + KEY_BYTES])


def _row_at(data: bytes, at: int) -> SessionString | None:
    """Read the record whose fourth column's type stands at ``at``, if it is one."""
    start = at - 4
    if start < 1:
        return None
    dc_id, header, null, text, number = data[start - 1 : at]
    if null != NULL_TYPE or header not in HEADERS:
        return None
    if text not in TEXT_TYPES or number not in INTEGER_TYPES or not 0 < dc_id < 128:
        return None
    if not _length_fits(data, start):
        return None
    host_at = start + header
    port_at = host_at + (text - 13) // 2
    key_at = port_at + number
    key = data[key_at : key_at + KEY_BYTES]
    port = int.from_bytes(data[port_at:key_at], "big")
    if len(key) < KEY_BYTES or not any(key) or not 0 < port < 65_536:
        return None
    return _session(dc_id, data[host_at:port_at], port, key)


def _length_fits(data: bytes, start: int) -> bool:
    """Whether the record is as long as its cell says: a shifted key would be another key."""
    if start < 3:
        return False
    length = (data[start - 3] & 0x7F) << 7 | data[start - 2]
    header = data[start]
    return length == header + sum(_sizes(data[start + 1 : start + header]))


def _sizes(types: bytes) -> Iterator[int]:
    """Bytes that each value takes, by the types in a record's header."""
    kind = 0
    for byte in types:
        kind = kind << 7 | byte & 0x7F
        if byte < 0x80:  # the last byte of this type
            yield (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind] if kind < 12 else (kind - 12) // 2
            kind = 0


def _session(dc_id: int, host: bytes, port: int, key: bytes) -> SessionString | None:
    try:
        literal = ipaddress.ip_address(host.decode("ascii")).compressed
    except ValueError:
        return None
    return SessionString(dc_id=dc_id, host=literal, port=port, key=key)

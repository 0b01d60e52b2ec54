"""What a damaged session file still holds: the key, found in its bytes without SQLite.

SQLite gives up on a file whose header, tree or other pages are broken; the one row that
matters is 300 bytes in one place. It is looked for by the shape of its record. What is found
is a candidate: hold its key id against the one that is known before it is used.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .strings import KEY_BYTES, SessionString

__all__ = ["salvage_file", "salvage_keys"]

# SQLite's file format: a record is its header's length, a type for each column, the values.
# A blob of 256 bytes has type 12 + 2 * 256, which is written as these two bytes.
KEY_TYPE: Final = b"\x84\x0c"
NULL_TYPE: Final = 0  # dc_id is the row's own number, so that the record holds nothing for it
TEXT_TYPES: Final = range(13 + 2 * len("1.1.1.1"), 13 + 2 * 45 + 1, 2)
INTEGER_TYPES: Final = range(1, 4)  # one to three bytes: enough for a port
HEADERS: Final = range(6, 24)  # bytes of the record's header
BESIDE: Final = ("", "-wal", "-journal")


def salvage_file(path: Path | str) -> tuple[SessionString, ...]:
    """Return every session found in the file and in what a dead writer left beside it."""
    found: dict[SessionString, None] = {}
    for suffix in BESIDE:
        try:
            data = Path(f"{path}{suffix}").read_bytes()
        except OSError:
            continue
        found |= dict.fromkeys(salvage_keys(data))
    return tuple(found)


def salvage_keys(data: bytes) -> Iterator[SessionString]:
    """Yield every session whose row stands whole in ``data``, in the order found."""
    at = data.find(KEY_TYPE)
    while at >= 0:
        found = _row_at(data, at)
        if found is not None:
            yield found
        at = data.find(KEY_TYPE, at + 1)


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

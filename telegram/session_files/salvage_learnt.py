"""Recovery of entities and update states from a damaged session file's pages.

SQLite gives up on the whole file; its leaf pages still hold their rows one by one. A page that
does not add up is left out, and a row that is no chat and no state is not taken for one: a hash
that is wrong would be refused by Telegram, one that is missing is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .session_file import EntityRow, FileState

PAGE_SIZES: Final = (4_096, 1_024, 512, 2_048, 8_192)  # the likeliest first
FIRST_PAGE_HEADER: Final = 100
LEAF: Final = 0x0D  # a page of a table's rows
CELLS_AT, POINTERS_AT = 3, 8
INTEGER_SIZES: Final = (0, 1, 2, 3, 4, 6, 8)  # by serial type; 8 and 9 are the numbers 0 and 1
USERNAME: Final = re.compile(r"[a-z0-9_]{1,64}", re.IGNORECASE)

Value = int | str | bytes | None


def salvage_learnt(data: bytes) -> tuple[tuple[EntityRow, ...], tuple[FileState, ...]]:
    """Return the chats and the update states that still stand in the bytes of a session file."""
    entities: dict[int, EntityRow] = {}
    states: dict[int, FileState] = {}
    for row, values in _rows(data):
        match values:
            case (None, int(pts), int(qts), int() as date, int(seq)) if pts > 0:
                states[row] = FileState(row, pts, qts, float(date), seq)
            case (
                None,
                int(known),
                str() | None as username,
                int() | None,
                str() | None as name,
                *_,
            ):
                if row and known and (username is None or USERNAME.fullmatch(username)):
                    entities[row] = EntityRow(row, known, username, None, name)
    return tuple(entities.values()), tuple(states.values())


def _rows(data: bytes) -> Iterator[tuple[int, tuple[Value, ...]]]:
    size = _page_size(data)
    for start in range(0, len(data), size):
        page = data[start : start + size]
        header = FIRST_PAGE_HEADER if start == 0 else 0
        if len(page) > header + POINTERS_AT and page[header] == LEAF:
            yield from _cells(page, header)


def _page_size(data: bytes) -> int:
    told = int.from_bytes(data[16:18], "big")
    if told in PAGE_SIZES:
        return told
    return next((size for size in PAGE_SIZES if data[size : size + 1] in b"\x0d\x05\x0a"), 4_096)


def _cells(page: bytes, header: int) -> Iterator[tuple[int, tuple[Value, ...]]]:
    count = int.from_bytes(page[header + CELLS_AT : header + CELLS_AT + 2], "big")
    first = header + POINTERS_AT
    for at in range(first, min(first + 2 * count, len(page) - 1), 2):
        place = int.from_bytes(page[at : at + 2], "big")
        try:
            length, place = _varint(page, place)
            row, place = _varint(page, place)
            yield row, _record(page[place : place + length], length)
        except (IndexError, ValueError):
            continue  # this row is broken; the next may not be


def _record(record: bytes, length: int) -> tuple[Value, ...]:
    """Read a record's values; ``ValueError`` unless they fill it exactly."""
    head, at = _varint(record, 0)
    kinds = []
    while at < head:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        size = _size_of(kind)
        values.append(_value(kind, record[at : at + size]))
        at += size
    if at != length or at != len(record):
        raise ValueError("a record that does not add up")
    return tuple(values)


def _size_of(kind: int) -> int:
    if kind < len(INTEGER_SIZES):
        return INTEGER_SIZES[kind]
    return (kind - 12) // 2 if kind >= 12 else 0


def _value(kind: int, raw: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind < len(INTEGER_SIZES):
        return int.from_bytes(raw, "big", signed=True)
    if kind < 12:
        raise ValueError("no value of a session file")
    return raw.decode("utf-8") if kind % 2 else raw


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of SQLite's at ``at``, signed in 64 bits, and where the next thing begins."""
    number = 0
    for count in range(8):
        byte = data[at + count]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + count + 1
    number = number << 8 | data[at + 8]
    return number - (1 << 64) if number >> 63 else number, at + 9

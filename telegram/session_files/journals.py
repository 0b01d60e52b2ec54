"""Recovery of an SQLite file's hot journal or WAL, in memory.

SQLite repairs on disk only, and a copy there would hold the key in the clear, for good if the
process were killed meanwhile. Both formats are public: https://sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

ROLLBACK_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
ROLLBACK_HEADER: Final = struct.Struct(">8s5I")  # records, nonce, pages before, sector, page size
UNCOUNTED: Final = 0xFFFFFFFF  # as many records as there is room for
LOCK_BYTE: Final = 1 << 30  # the page it is in is never written
LOG_MAGIC: Final = 0x377F0682  # the last bit says that its checksums are big-endian
LOG_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, number, 2 salts, 2 checksums
FRAME: Final = struct.Struct(">6I")  # page, pages after a commit, 2 salts, 2 checksums
PAGE_SIZES: Final = frozenset(1 << bits for bits in range(9, 17))
WORD: Final = 0xFFFFFFFF


def without_unfinished(data: bytes, journal: bytes) -> bytes:
    """Return a database as it was before the transaction that ``journal`` is of."""
    if len(journal) < ROLLBACK_HEADER.size:
        return data
    magic, _, _, before, sector, page_size = ROLLBACK_HEADER.unpack_from(journal)
    if magic != ROLLBACK_MAGIC or sector < ROLLBACK_HEADER.size or page_size not in PAGE_SIZES:
        return data
    pages = bytearray(data)
    _resize(pages, before * page_size)
    for at, page in _saved(journal, sector, page_size):
        if at <= before:  # the transaction may have added pages
            pages[(at - 1) * page_size : at * page_size] = page
    return bytes(pages)


def with_log(data: bytes, log: bytes) -> bytes:
    """Return a database with what is committed in its write-ahead log."""
    if len(log) < LOG_HEADER.size:
        return data
    magic, _, page_size, _, *rest = LOG_HEADER.unpack_from(log)
    salts, told = rest[:2], tuple(rest[2:])
    sums = _log_sums(log[:24], (0, 0), big=bool(magic & 1))
    if magic & ~1 != LOG_MAGIC or page_size not in PAGE_SIZES or sums != told:
        return data
    pages, waiting, step = bytearray(data), list[tuple[int, bytes]](), FRAME.size + page_size
    for start in range(LOG_HEADER.size, len(log) - step + 1, step):
        at, after, *rest = FRAME.unpack_from(log, start)
        page = log[start + FRAME.size : start + step]
        sums = _log_sums(log[start : start + 8] + page, sums, big=bool(magic & 1))
        if at == 0 or rest[:2] != salts or sums != tuple(rest[2:]):
            break
        waiting.append((at, page))
        if after:
            _write(pages, waiting, page_size)
            _resize(pages, after * page_size)
            waiting.clear()
    return bytes(pages)


def _saved(journal: bytes, sector: int, page_size: int) -> Iterator[tuple[int, bytes]]:
    """Each page that the transaction was about to change, by number, as it was before."""
    start, step = 0, page_size + 8
    while start + ROLLBACK_HEADER.size <= len(journal):
        magic, count, nonce, *_ = ROLLBACK_HEADER.unpack_from(journal, start)
        if magic != ROLLBACK_MAGIC:
            return
        start += sector
        if count == UNCOUNTED:
            count = max(len(journal) - start, 0) // step
        for _ in range(count):
            record = journal[start : start + step]
            at, told = int.from_bytes(record[:4], "big"), int.from_bytes(record[-4:], "big")
            if len(record) < step or at in (0, LOCK_BYTE // page_size + 1):
                return
            if _page_sum(page := record[4:-4], nonce) != told:
                return
            yield at, page
            start += step
        start = -(-start // sector) * sector  # the next part begins a sector


def _page_sum(page: bytes, nonce: int) -> int:
    return (nonce + sum(page[at] for at in range(len(page) - 200, 0, -200))) & WORD


def _log_sums(data: bytes, sums: tuple[int, int], *, big: bool) -> tuple[int, int]:
    one, two = sums
    for first, second in struct.iter_unpack(">2I" if big else "<2I", data):
        one = (one + first + two) & WORD
        two = (two + second + one) & WORD
    return one, two


def _write(pages: bytearray, written: list[tuple[int, bytes]], page_size: int) -> None:
    _resize(pages, max(len(pages), max(at for at, _ in written) * page_size))
    for at, page in written:
        pages[(at - 1) * page_size : at * page_size] = page


def _resize(pages: bytearray, size: int) -> None:
    del pages[size:]
    pages.extend(bytes(size - len(pages)))

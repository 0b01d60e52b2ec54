"""What a dead writer left is put right in memory as SQLite puts it right on disk."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import tempfile
from pathlib import Path

import pytest

from telewarden.telegram.session_files.journals import with_log, without_unfinished

pytestmark = pytest.mark.telegram

SEEDS = range(12)
Left = tuple[bytes, bytes]


def changes(database: sqlite3.Connection, chance: random.Random, count: int) -> None:
    """Change rows all over the file, and let it grow and shrink."""
    for _ in range(count):
        match chance.randrange(4):
            case 0:
                size = chance.randrange(3_000)
                database.execute("insert into notes (text) values (randomblob(?))", (size,))
            case 1:
                database.execute("delete from notes where id % 7 = ?", (chance.randrange(7),))
            case _:
                database.execute(
                    "update notes set text = randomblob(?) where id % 5 = ?",
                    (chance.randrange(2_000), chance.randrange(5)),
                )


def left_behind(folder: Path, seed: int, *, suffix: str) -> Left:
    """A file and what lies beside it when its writer dies in a transaction."""
    chance, path = random.Random(seed), folder / "x.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(f"pragma page_size = {chance.choice((512, 1024, 4096))}")
        writer.execute(f"pragma journal_mode = {'wal' if suffix == '-wal' else 'delete'}")
        writer.execute("create table notes (id integer primary key, text blob)")
        writer.execute("begin")
        changes(writer, chance, 60)
        writer.execute("commit")
        if suffix == "-wal" and chance.random() < 0.5:
            writer.execute("pragma wal_checkpoint")  # what follows starts the log anew
            changes(writer, chance, 5)
        writer.execute("pragma cache_size = 2")  # so that it spills to the file
        writer.execute("begin immediate")
        changes(writer, chance, 30)
        return path.read_bytes(), Path(f"{path}{suffix}").read_bytes()


def by_sqlite(data: bytes, left: bytes, *, suffix: str) -> list[str]:
    """What SQLite finds in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        path.write_bytes(data)
        Path(f"{path}{suffix}").write_bytes(left)
        with contextlib.closing(sqlite3.connect(path)) as database:
            return list(database.iterdump())


def pages_by_sqlite(data: bytes, journal: bytes) -> bytes:
    """The file as SQLite leaves it, which may be damaged for good."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        path.write_bytes(data)
        Path(f"{path}-journal").write_bytes(journal)
        with (
            contextlib.closing(sqlite3.connect(path)) as database,
            contextlib.suppress(sqlite3.DatabaseError),
        ):
            database.execute("select count(*) from sqlite_master").fetchone()
        return path.read_bytes()


def in_memory(data: bytes) -> list[str]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data[:18] + b"\x01\x01" + data[20:])
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        return list(database.iterdump())


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unfinished_transaction_is_undone_as_sqlite_does_it(tmp_path: Path, seed: int) -> None:
    data, journal = left_behind(tmp_path, seed, suffix="-journal")

    undone = without_unfinished(data, journal)

    assert undone != data
    assert in_memory(undone) == by_sqlite(data, journal, suffix="-journal")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_journal_that_is_cut_counts_as_far_as_sqlite_takes_it(tmp_path: Path, seed: int) -> None:
    data, journal = left_behind(tmp_path, seed, suffix="-journal")
    cut = journal[: random.Random(seed).randrange(512, len(journal))]

    assert without_unfinished(data, cut) == pages_by_sqlite(data, cut)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_is_taken_up_as_sqlite_does_it(tmp_path: Path, seed: int) -> None:
    data, log = left_behind(tmp_path, seed, suffix="-wal")

    assert in_memory(with_log(data, log)) == by_sqlite(data, log, suffix="-wal")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_that_is_cut_or_altered_counts_up_to_its_last_good_commit(
    tmp_path: Path, seed: int
) -> None:
    data, log = left_behind(tmp_path, seed, suffix="-wal")
    at = random.Random(seed).randrange(32, len(log))
    altered = log[:at] + bytes([log[at] ^ 1]) + log[at + 1 :]

    for left in (log[:at], altered):
        assert in_memory(with_log(data, left)) == by_sqlite(data, left, suffix="-wal")


@pytest.mark.parametrize("left", [b"", b"\0" * 512, b"x" * 5_000, bytes(28)])
def test_what_is_no_journal_changes_nothing(tmp_path: Path, left: bytes) -> None:
    data, _ = left_behind(tmp_path, 1, suffix="-journal")

    assert without_unfinished(data, left) == data
    assert with_log(data, left) == data

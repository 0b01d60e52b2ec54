"""Transactions, full disks, locked files and processes killed while they write."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import (
    DatabaseDamagedError,
    StorageBusyError,
    StorageFullError,
    TransactionLostError,
)
from telewarden.storage import MasterKey, OutboxRow, SessionRecord, Store

from .backends import BACKENDS, IN_A_FILE  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def names(store: Store) -> list[str]:
    return [record.name for record in store.sessions()]


def add(store: Store, name: str) -> None:
    store.put_session(SessionRecord(name=name))


def big(source_id: int) -> OutboxRow:
    return OutboxRow(
        pair_id=1,
        source_chat=-1,
        source_id=source_id,
        random_id=source_id,
        enqueued_at=1.0,
        payload=b"x" * 20_000,
    )


def test_a_transaction_is_seen_by_others_whole_or_not_at_all(store: Store) -> None:
    with Store.open_reader(store.place) as reader:
        with store.transaction():
            add(store, "alice")
            add(store, "bob")
            assert names(reader) == []
        assert names(reader) == ["alice", "bob"]


def test_an_error_undoes_the_transaction_and_is_raised(store: Store) -> None:
    with pytest.raises(RuntimeError, match="half way"), store.transaction():  # noqa: PT012 - what is undone
        add(store, "alice")
        raise RuntimeError("half way")

    assert names(store) == []
    add(store, "bob")
    assert names(store) == ["bob"]


def test_a_nested_error_undoes_its_own_part(store: Store) -> None:
    with store.transaction():
        add(store, "alice")
        with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012 - what is undone
            add(store, "bob")
            with store.transaction():
                add(store, "carol")
            raise RuntimeError("one job of many failed")
        add(store, "dave")

    assert names(store) == ["alice", "dave"]


def test_nesting_may_be_deep(store: Store) -> None:
    with store.transaction(), store.transaction(), store.transaction():
        add(store, "alice")

    assert names(store) == ["alice"]


def test_a_lost_transaction_is_not_taken_for_a_commit(store: Store) -> None:
    with pytest.raises(TransactionLostError), store.transaction():  # noqa: PT012 - what is undone
        add(store, "alice")
        store.execute("rollback")  # as SQLite does by itself on some errors
        add(store, "bob")

    assert names(store) == []
    add(store, "carol")
    assert names(store) == ["carol"]


def test_a_transaction_lost_at_its_end_is_not_taken_for_a_commit(store: Store) -> None:
    with pytest.raises(TransactionLostError), store.transaction():  # noqa: PT012 - what is undone
        add(store, "alice")
        store.execute("rollback")

    assert names(store) == []


@IN_A_FILE
def test_a_database_locked_by_another_process_is_busy_and_then_free(store: Store) -> None:
    store.db.execute("pragma busy_timeout = 1")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("begin immediate")

    with pytest.raises(StorageBusyError, match="locked by another process"):
        add(store, "alice")
    with pytest.raises(StorageBusyError), store.transaction():
        add(store, "alice")

    other.execute("rollback")
    other.close()
    add(store, "bob")
    assert names(store) == ["bob"]


@IN_A_FILE
def test_a_transaction_has_the_right_to_write_from_its_beginning(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None, timeout=0)

    with store.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("begin immediate")

    other.close()


@IN_A_FILE
def test_a_database_at_its_limit_is_full_and_goes_on_when_there_is_room(store: Store) -> None:
    (pages,) = store.db.execute("pragma page_count").fetchone()
    store.db.execute(f"pragma max_page_count = {pages + 5}")

    with pytest.raises(StorageFullError, match="no space is left"):
        store.enqueue([big(n) for n in range(50)])

    assert store.outbox_counts().pending == 0
    store.db.execute("pragma max_page_count = 1000000")
    assert store.enqueue([big(n) for n in range(50)]) == 50


def test_a_full_disk_loses_nothing_and_work_resumes(small_disk: Path, master: MasterKey) -> None:
    filler = small_disk / "filler"
    with Store.open(small_disk / "warden.db", master) as store:
        add(store, "alice")
        store.checkpoint()
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):  # noqa: PT012 - fills
            for _ in range(10_000):
                file.write(b"x" * 4096)
        stored = 0
        with pytest.raises(StorageFullError, match="free some"):  # noqa: PT012 - fills
            for number in range(1_000):
                stored += store.enqueue([big(number)])

        assert names(store) == ["alice"]
        assert store.outbox_counts().pending == stored
        filler.unlink()
        assert store.enqueue([big(10_000)]) == 1

    with Store.open(small_disk / "warden.db", master) as again:
        assert again.outbox_counts().pending == stored + 1


def test_a_full_disk_makes_no_half_database(small_disk: Path, master: MasterKey) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):  # noqa: PT012 - fills up
        while True:
            file.write(b"x" * 4096)

    with pytest.raises(StorageFullError):
        Store.open(small_disk / "warden.db", master)

    assert sorted(path.name for path in small_disk.iterdir()) == [".warden.db.lock", "filler"]


@IN_A_FILE
def test_damage_done_while_it_is_open_is_said(alice: Store) -> None:
    for number in range(300):
        alice.put_session(SessionRecord(name=f"s{number}", metadata={"x": "y" * 300}))
    alice.checkpoint()
    alice.db.execute("pragma wal_checkpoint(truncate)")
    size = alice.path.stat().st_size
    with alice.path.open("r+b") as file:
        for page in range(1, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    alice.db.execute("pragma shrink_memory")

    with pytest.raises(DatabaseDamagedError), Store.open_reader(alice.path) as reader:
        reader.sessions()


WRITE = """
import sys
from telewarden.storage import MasterKey, OutboxRow, SessionRecord, Store
store = Store.open(sys.argv[1], MasterKey.from_text(sys.argv[2]))
for number in range(1, 1_000_000):
    with store.transaction():
        for part in range(3):
            store.enqueue([OutboxRow(pair_id=number, source_chat=-1, source_id=part,
                                     random_id=number, enqueued_at=1.0, payload=b"x" * 2000)])
        store.advance_mark(number, -1, 3)
    print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 7, 40])
def test_a_killed_writer_leaves_every_committed_transaction_whole(
    place: Path | str, spawn: Spawn, lines: int
) -> None:
    text = MasterKey.generate()
    writer = spawn(WRITE, place, text)
    assert writer.stdout is not None
    seen = [int(writer.stdout.readline()) for _ in range(lines)][-1]

    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.wait(timeout=30)
    committed = int(rest[-1]) if rest else seen

    with Store.open(place, MasterKey.from_text(text)) as store:
        counts: dict[int, int] = {}
        for row in store.pending(range(1, committed + 2)):
            counts[row.pair_id] = counts.get(row.pair_id, 0) + 1
        assert set(counts.values()) == {3}
        assert set(counts) in ({*range(1, committed + 1)}, {*range(1, committed + 2)})
        assert [mark.pair_id for mark in store.marks(range(1, committed + 2))] == sorted(counts)


def test_a_process_killed_while_making_a_database_leaves_none_or_a_whole_one(
    tmp_path: Path, spawn: Spawn
) -> None:
    program = """
import sys
from telewarden.storage import MasterKey, Store
master = MasterKey.from_text(sys.argv[2])
for number in range(1000):
    print(number, flush=True)
    Store.open(f"{sys.argv[1]}/{number}.db", master).close()
"""
    text = MasterKey.generate()
    for lines in (1, 2, 3, 5, 8):
        maker = spawn(program, tmp_path / str(lines), text)
        assert maker.stdout is not None
        for _ in range(lines):
            maker.stdout.readline()
        maker.kill()
        last = [b"0", *maker.stdout.read().split()][-1]
        maker.wait(timeout=30)
        for number in range(max(lines, int(last) + 1)):
            Store.open(tmp_path / str(lines) / f"{number}.db", MasterKey.from_text(text)).close()

"""Backups of the whole database: taken in use, opened before they count, put back whole."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import (
    DatabaseDamagedError,
    StorageBusyError,
    StorageFullError,
    StorageNotWritableError,
    UnknownRecordError,
    WrongMasterKeyError,
)
from telewarden.storage import BackupFolder, MasterKey, OutboxRow, SessionRecord, Store

from .backends import BACKENDS, IN_A_FILE  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352


@pytest.fixture
def snapshots(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backups")


def names(store: Store) -> list[str]:
    return [record.name for record in store.sessions()]


def test_a_snapshot_is_one_private_file_that_opens(
    alice: Store, snapshots: BackupFolder, master: MasterKey, tmp_path: Path
) -> None:
    snapshot = snapshots.take(alice, master, at=1_700_000_000.25)

    assert snapshot.path.name == "warden-20231114T221320.250000Z.db"
    assert snapshot.at == 1_700_000_000.25
    assert snapshot.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in snapshot.path.parent.iterdir()] == [snapshot.path.name]
    assert snapshots.list() == [snapshot]
    with Store.open(snapshot.path, master) as copy:
        credential = copy.credential("alice")
        assert credential is not None
        assert credential.session_string == STRING


def test_a_reader_takes_a_snapshot_while_the_writer_writes(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    taken = threading.Event()
    problems: list[BaseException] = []

    def take() -> None:
        try:
            with Store.open_reader(alice.place, master) as reader:
                snapshots.take(reader, master, at=1.0)
        except BaseException as exc:  # noqa: BLE001 - told in the test's own thread
            problems.append(exc)
        taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    number = 0
    while not taken.is_set() or number < 50:
        number += 1
        with alice.transaction():
            for part in range(3):
                alice.enqueue(
                    [
                        OutboxRow(
                            pair_id=number,
                            source_chat=-1,
                            source_id=part,
                            random_id=1,
                            enqueued_at=1.0,
                        )
                    ]
                )
    thread.join(10)

    assert problems == []
    (snapshot,) = snapshots.list()
    with Store.open(snapshot.path, master) as copy:
        assert copy.outbox_counts().pending % 3 == 0


def test_the_newest_snapshots_stay(alice: Store, tmp_path: Path, master: MasterKey) -> None:
    snapshots = BackupFolder(tmp_path / "backups", keep=2)

    for at in (3.0, 1.0, 2.0, 4.0):
        snapshots.take(alice, master, at=at)

    assert [snapshot.at for snapshot in snapshots.list()] == [4.0, 3.0]


def test_other_files_in_the_folder_are_left_alone(
    alice: Store, snapshots: BackupFolder, master: MasterKey, tmp_path: Path
) -> None:
    snapshots.take(alice, master, at=1.0)
    other = tmp_path / "backups" / "warden-mine.db"
    other.write_text("mine")

    for at in range(2, 9):
        snapshots.take(alice, master, at=float(at))

    assert other.read_text() == "mine"
    assert len(snapshots.list()) == 5


def test_a_full_disk_takes_no_snapshot_and_drops_none(
    alice: Store, small_disk: Path, master: MasterKey
) -> None:
    snapshots = BackupFolder(small_disk / "backups", keep=1)
    first = snapshots.take(alice, master, at=1.0)
    with alice.transaction():
        for number in range(100):
            alice.put_session(SessionRecord(name=f"s{number}", metadata={"x": "y" * 10_000}))

    with pytest.raises(StorageFullError):
        snapshots.take(alice, master, at=2.0)

    assert snapshots.list() == [first]
    assert [path.name for path in first.path.parent.iterdir()] == [first.path.name]


@IN_A_FILE
def test_a_damaged_database_makes_no_snapshot_and_drops_none(
    alice: Store, tmp_path: Path, master: MasterKey
) -> None:
    snapshots = BackupFolder(tmp_path / "backups", keep=1)
    for number in range(200):
        alice.put_session(SessionRecord(name=f"s{number}", metadata={"x": "y" * 200}))
    first = snapshots.take(alice, master, at=1.0)
    alice.db.execute("pragma wal_checkpoint(truncate)")
    with alice.path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 4096 * 3)

    with Store.open_reader(alice.path) as reader, pytest.raises(DatabaseDamagedError):
        snapshots.take(reader, master, at=2.0)

    assert snapshots.list() == [first]


def test_an_unwritable_folder_is_said(alice: Store, unprivileged: Path, master: MasterKey) -> None:
    unprivileged.chmod(0o500)

    with pytest.raises(StorageNotWritableError):
        BackupFolder(unprivileged / "backups").take(alice, master, at=1.0)


@IN_A_FILE
def test_a_restore_puts_the_snapshot_back_and_keeps_what_was_there(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    database = alice.path
    snapshot = snapshots.take(alice, master, at=1.0)
    alice.put_session(SessionRecord(name="bob"))
    alice.close()

    kept = snapshots.restore(snapshot, database, master)

    with Store.open(database, master) as store:
        assert names(store) == ["alice"]
    assert database.stat().st_mode & 0o777 == 0o600
    assert snapshots.list() == [snapshot]
    assert [path.name for path in kept] == ["warden.db"]
    with Store.open(kept[0], master) as before:
        assert names(before) == ["alice", "bob"]


def test_a_restore_keeps_what_a_killed_writer_left_in_its_log(
    snapshots: BackupFolder,
    master: MasterKey,
    database: Path,
    spawn: Callable[..., subprocess.Popen[bytes]],
) -> None:
    text = MasterKey.generate()
    program = """
import sys
from telewarden.storage import MasterKey, SessionRecord, Store
store = Store.open(sys.argv[1], MasterKey.from_text(sys.argv[2]))
store.put_session(SessionRecord(name="bob"))
print("stored", flush=True)
sys.stdin.readline()
"""
    key = MasterKey.from_text(text)
    with Store.open(database, key) as store:
        snapshot = snapshots.take(store, key, at=1.0)
    writer = spawn(program, database, text)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"stored\n"
    writer.kill()
    writer.wait(timeout=30)

    kept = snapshots.restore(snapshot, database, key)

    with Store.open(database, key) as store:
        assert names(store) == []
    assert [path.name for path in kept] == ["warden.db"]
    with Store.open(kept[0], key) as before:
        assert names(before) == ["bob"]


@IN_A_FILE
@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, None])
def test_a_restore_replaces_a_damaged_or_missing_database(
    alice: Store, snapshots: BackupFolder, master: MasterKey, content: bytes | None
) -> None:
    database = alice.path
    snapshot = snapshots.take(alice, master, at=1.0)
    alice.close()
    if content is None:
        database.unlink()
    else:
        database.write_bytes(content)

    kept = snapshots.restore(snapshot, database, master)

    assert [path.read_bytes() for path in kept] == ([] if content is None else [content])
    with Store.open(database, master) as store:
        assert store.credential("alice") is not None


@IN_A_FILE
def test_a_second_restore_keeps_both_databases(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    snapshot = snapshots.take(alice, master, at=1.0)
    alice.close()

    first = snapshots.restore(snapshot, alice.path, master)
    second = snapshots.restore(snapshot, alice.path, master)

    assert first != second
    assert all(path.exists() for path in (*first, *second))


@IN_A_FILE
def test_a_restore_under_an_open_database_is_refused(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    snapshot = snapshots.take(alice, master, at=1.0)
    before = alice.path.stat().st_ino

    with pytest.raises(StorageBusyError):
        snapshots.restore(snapshot, alice.path, master)

    assert alice.path.stat().st_ino == before
    alice.put_session(SessionRecord(name="bob"))


@IN_A_FILE
def test_a_restore_under_a_reader_is_refused(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    snapshot = snapshots.take(alice, master, at=1.0)
    alice.close()

    with Store.open_reader(alice.path), pytest.raises(StorageBusyError):
        snapshots.restore(snapshot, alice.path, master)


@IN_A_FILE
def test_a_damaged_snapshot_is_not_restored_and_not_chosen(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    good = snapshots.take(alice, master, at=1.0)
    bad = snapshots.take(alice, master, at=2.0)
    bad.path.write_bytes(bad.path.read_bytes()[:5000])
    database = alice.path
    alice.close()
    before = database.read_bytes()

    with pytest.raises(DatabaseDamagedError):
        snapshots.restore(bad, database, master)

    assert database.read_bytes() == before
    assert snapshots.newest_usable(master) == good


@IN_A_FILE
def test_a_snapshot_under_another_master_key_is_not_restored(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    snapshot = snapshots.take(alice, master, at=1.0)
    other = MasterKey.from_text(MasterKey.generate())
    alice.close()

    with pytest.raises(WrongMasterKeyError):
        snapshots.restore(snapshot, alice.path, other)
    assert snapshots.newest_usable(other) is None


@IN_A_FILE
def test_a_snapshot_that_is_gone_is_named(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    snapshot = snapshots.take(alice, master, at=1.0)
    snapshot.path.unlink()

    with pytest.raises(UnknownRecordError, match="no backup"):
        snapshots.restore(snapshot, alice.path, master)


@IN_A_FILE
def test_a_restore_that_is_killed_on_its_way_leaves_a_database(
    alice: Store, snapshots: BackupFolder, master: MasterKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = alice.path
    snapshot = snapshots.take(alice, master, at=1.0)
    alice.put_session(SessionRecord(name="bob"))
    alice.close()

    def killed(path: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        snapshots.restore(snapshot, database, master)
    monkeypatch.undo()

    with Store.open(database, master) as store:
        assert names(store) == ["alice", "bob"]


def test_what_snapshots_under_an_earlier_master_key_hold_of_a_session_is_found(
    alice: Store, snapshots: BackupFolder, master: MasterKey
) -> None:
    first, second = (MasterKey.from_text(MasterKey.generate()) for _ in range(2))
    snapshots.take(alice, master, at=1.0)
    alice.rotate_master(first, old=master)
    snapshots.take(alice, first, at=2.0)
    alice.rotate_master(second, old=first)
    alice.rotate_data_key()
    snapshots.take(alice, second, at=3.0)

    def held(old: list[MasterKey]) -> list[str]:
        found = snapshots.credentials("alice", alice.vault, old=old)
        return [one.session_string for one in found]

    assert held(alice.old_masters()) == [STRING] * 3
    assert held([MasterKey.from_text(MasterKey.generate())]) == [STRING]

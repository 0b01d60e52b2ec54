"""New keys while everything stays open, interrupted at any moment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import StorageFailedError, UnknownRecordError, WrongMasterKeyError
from telewarden.storage import (
    Credential,
    MasterKey,
    OutboxRow,
    SessionFiles,
    SessionRecord,
    Store,
)

from .backends import BACKENDS, IN_A_FILE  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352


@pytest.fixture
def other() -> MasterKey:
    return MasterKey.from_text(MasterKey.generate())


def fill(store: Store, sessions: int = 5) -> None:
    for number in range(sessions):
        name = f"s{number}"
        store.put_session(SessionRecord(name=name))
        store.put_credential(name, STRING + name, number, 2)
        store.add_backup(name, "by hand", 1.0)
    store.enqueue(
        [
            OutboxRow(
                pair_id=1,
                source_chat=-1,
                source_id=n,
                random_id=n,
                enqueued_at=1.0,
                payload=b"hello" if n else None,
            )
            for n in range(3)
        ]
    )


def assert_whole(store: Store, sessions: int = 5) -> None:
    found = list(store.credentials())
    assert all(isinstance(item, Credential) for item in found)
    assert len(found) == sessions
    for backup in store.backups():
        assert store.backup_credential(backup.id).session_string == STRING + backup.name
    assert [row.payload for row in store.pending([1])] == [None, b"hello", b"hello"]


def test_a_new_master_key_opens_and_the_old_one_does_not(
    store: Store, master: MasterKey, other: MasterKey
) -> None:
    fill(store)

    store.rotate_master(other)

    assert_whole(store)
    store.close()
    with Store.open(store.place, other) as again:
        assert_whole(again)
    with pytest.raises(WrongMasterKeyError):
        Store.open(store.place, master)


def test_session_files_open_during_a_rotation_and_alone_after_resealing(
    store: Store, other: MasterKey, tmp_path: Path
) -> None:
    files = SessionFiles(tmp_path / "sessions", store.vault)
    files.write("alice", STRING, key_id=7, dc_id=4)

    store.rotate_master(other)
    assert files.read("alice") == STRING
    assert files.reseal() == []
    store.rotate_data_key()
    assert files.read("alice") == STRING
    assert files.reseal() == []

    with Store.open(tmp_path / "elsewhere" / "warden.db", other) as stranger:
        alone = SessionFiles(tmp_path / "sessions", stranger.vault)
        assert alone.read("alice", key_id=7) == STRING
        assert alone.info("alice").dc_id == 4


def test_resealing_names_what_does_not_open_and_leaves_it(store: Store, tmp_path: Path) -> None:
    files = SessionFiles(tmp_path / "sessions", store.vault)
    files.write("alice", STRING)
    files.write("bob", STRING).write_bytes(b"damaged")

    assert files.reseal() == ["bob"]
    assert files.path("bob").read_bytes() == b"damaged"


def test_a_new_data_key_seals_everything_anew(store: Store, master: MasterKey) -> None:
    fill(store)
    before = store.execute("select sealed from user_sessions order by name").fetchall()
    old = store.vault.slot.key_name

    assert store.rotate_data_key() == []

    after = store.execute("select sealed from user_sessions order by name").fetchall()
    assert all(old not in row[0] for row in after)
    assert all(old in row[0] for row in before)
    assert [slot.key_name for slot in store.vault.slots] != [old]
    assert len(store.vault.slots) == 1
    assert_whole(store)
    store.close()
    with Store.open(store.place, master) as again:
        assert_whole(again)


def test_a_damaged_row_is_named_and_keeps_the_old_data_key(store: Store, master: MasterKey) -> None:
    fill(store)
    store.execute("update user_sessions set sealed = ? where name = 's1'", (b"\x00",))

    assert store.rotate_data_key() == ["user_sessions/s1"]
    assert store.rotate_data_key() == ["user_sessions/s1"]

    assert len(store.vault.slots) == 3
    store.put_credential("s1", STRING + "s1", 1, 2)
    assert store.rotate_data_key() == []
    assert len(store.vault.slots) == 1
    assert_whole(store)


@IN_A_FILE
def test_a_rotation_that_fails_half_way_is_not_done_at_all(
    store: Store, master: MasterKey, other: MasterKey
) -> None:
    fill(store, sessions=40)
    slot = store.vault.slot
    store.db.execute(
        "create temp trigger full before update on session_backups"
        " when new.id = 20 begin select raise(rollback, 'half way'); end"
    )

    with pytest.raises(StorageFailedError, match="half way"):
        store.rotate_data_key()

    assert store.vault.slot == slot
    store.db.execute("drop trigger full")
    assert_whole(store, sessions=40)
    store.close()
    with Store.open(store.place, master) as again:
        assert_whole(again, sessions=40)


@IN_A_FILE
@pytest.mark.parametrize("way", ["master", "data"])
def test_a_disk_that_refuses_the_new_keys_is_said_with_an_error_of_ours(
    store: Store, other: MasterKey, way: str
) -> None:
    fill(store)
    slot = store.vault.slot
    store.db.execute(
        "create temp trigger full before delete on vault begin select raise(rollback, 'full'); end"
    )

    with pytest.raises(StorageFailedError, match="full"):
        store.rotate_master(other) if way == "master" else store.rotate_data_key()

    assert store.vault.slot == slot
    store.db.execute("drop trigger full")
    assert_whole(store)


ROTATE = """
import sys
from telewarden.storage import MasterKey, Store
old, new = map(MasterKey.from_text, sys.argv[2:4])
store = Store.open(sys.argv[1], old)
print("open", flush=True)
while True:
    store.rotate_data_key()
    store.rotate_master(new)
    print("turned", flush=True)
    store.rotate_master(old)
"""


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
def test_a_rotation_that_is_killed_loses_nothing(
    place: Path | str, spawn: Callable[..., subprocess.Popen[bytes]], turns: int
) -> None:
    texts = [MasterKey.generate(), MasterKey.generate()]
    keys = [MasterKey.from_text(text) for text in texts]
    with Store.open(place, keys[0]) as store:
        fill(store, sessions=30)
    turner = spawn(ROTATE, place, *texts)
    assert turner.stdout is not None
    for _ in range(turns + 1):
        turner.stdout.readline()
    turner.kill()
    turner.wait(timeout=30)

    opened = 0
    for key in keys:
        try:
            with Store.open(place, key) as store:
                assert_whole(store, sessions=30)
                opened += 1
        except WrongMasterKeyError:
            pass
    assert opened == 1


def test_a_new_data_key_that_is_undone_with_a_larger_transaction_seals_nothing(
    store: Store, master: MasterKey
) -> None:
    fill(store)
    slots = store.vault.slots

    with pytest.raises(UnknownRecordError):
        rotate_and_fail(store)
    store.put_credential("s1", STRING + "s1", 1, 2)

    assert store.vault.slots == slots
    assert_whole(store)
    store.close()
    with Store.open(store.place, master) as again:
        assert_whole(again)


def rotate_and_fail(store: Store) -> None:
    """Turn the keys among other writes, one of which fails."""
    with store.transaction():
        store.rotate_data_key()
        store.rotate_master(MasterKey.from_text(MasterKey.generate()))
        store.put_credential("nobody", STRING, 1, 2)


def test_what_follows_a_new_data_key_in_one_transaction_opens(
    store: Store, master: MasterKey
) -> None:
    fill(store)

    with store.transaction():
        store.rotate_data_key()
        store.put_credential("s1", STRING + "s1", 1, 2)

    assert_whole(store)
    store.close()
    with Store.open(store.place, master) as again:
        assert_whole(again)


def bytes_on_disk(place: Path) -> bytes:
    return b"".join(one.read_bytes() for one in place.parent.glob(f"{place.name}*"))


@IN_A_FILE
def test_a_replaced_master_key_is_left_neither_in_the_database_nor_in_its_log(
    store: Store, database: Path, other: MasterKey
) -> None:
    fill(store)
    replaced = store.vault.slot.wrapped
    assert replaced in bytes_on_disk(database)

    store.rotate_master(other)

    left = bytes_on_disk(database)
    assert replaced not in left
    assert store.vault.slot.wrapped in left


@IN_A_FILE
def test_a_replaced_data_key_and_what_it_sealed_are_left_nowhere(
    store: Store, database: Path
) -> None:
    fill(store)
    replaced = store.vault.slot.wrapped
    (sealed,) = store.db.execute("select sealed from user_sessions limit 1").fetchone()

    store.rotate_data_key()

    left = bytes_on_disk(database)
    assert replaced not in left
    assert sealed not in left


@IN_A_FILE
def test_the_log_is_emptied_as_soon_as_nobody_reads_it(
    store: Store, database: Path, other: MasterKey
) -> None:
    fill(store)
    replaced = store.vault.slot.wrapped
    with Store.open_reader(database) as reader:
        reader.db.execute("begin")
        reader.sessions()
        store.rotate_master(other)
    while_read = replaced in bytes_on_disk(database)

    with store.transaction():
        store.put_session(SessionRecord(name="next"))

    assert while_read
    assert replaced not in bytes_on_disk(database)


@IN_A_FILE
def test_what_was_deleted_is_not_left_readable(store: Store, database: Path) -> None:
    fill(store)
    (sealed,) = store.db.execute("select sealed from session_backups where name = 's1'").fetchone()
    with store.transaction():
        store.db.execute("delete from session_backups")
    store.db.execute("pragma wal_checkpoint(truncate)")

    assert sealed not in bytes_on_disk(database)


def test_the_sealed_account_is_sealed_anew_too(store: Store) -> None:
    fill(store)
    store.put_user_id("s1", 77)

    assert store.rotate_data_key() == []

    session = store.session("s1")
    assert session is not None
    assert session.user_id == 77

"""Opening a database: made private, checked whole, and left alone when refused."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import (
    DatabaseDamagedError,
    ForeignDatabaseError,
    MasterKeyMissingError,
    SchemaTooNewError,
    StorageError,
    StorageNotFoundError,
    StorageNotWritableError,
    WrongMasterKeyError,
)
from telewarden.storage import MasterKey, SessionRecord, Store
from telewarden.storage.schema import MIGRATIONS, SCHEMA_VERSION

pytestmark = pytest.mark.storage


def fill(database: Path, master: MasterKey, *, sessions: int = 40) -> None:
    with Store.open(database, master) as store, store.transaction():
        for number in range(sessions):
            name = f"session_{number}"
            store.put_session(SessionRecord(name=name, metadata={"note": "x" * 200}))
            store.put_credential(name, "1" + "B" * 352, number + 1, 2)


def fingerprint(folder: Path) -> dict[str, str]:
    """What every file holds; the shared-memory index and an empty log are no content."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if not path.name.endswith("-shm") and path.stat().st_size
    }


def test_a_new_database_and_its_folder_are_private(database: Path, store: Store) -> None:
    store.put_session(SessionRecord(name="alice"))

    modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
    assert database.parent.stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys(
        ("warden.db", "warden.db-wal", "warden.db-shm", ".warden.db.lock"), 0o600
    )


def test_a_database_open_to_others_is_closed_to_them(database: Path, master: MasterKey) -> None:
    fill(database, master)
    database.chmod(0o644)

    with Store.open(database, master):
        assert database.stat().st_mode & 0o777 == 0o600


def test_a_folder_open_to_others_is_kept_and_warned_of(
    tmp_path: Path, master: MasterKey, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)

    with caplog.at_level(logging.WARNING), Store.open(tmp_path / "warden.db", master):
        assert tmp_path.stat().st_mode & 0o777 == 0o755

    assert "folder is open to others" in caplog.text


def test_it_runs_as_the_design_says(store: Store) -> None:
    (journal,) = store.db.execute("pragma journal_mode").fetchone()
    (synchronous,) = store.db.execute("pragma synchronous").fetchone()
    (foreign_keys,) = store.db.execute("pragma foreign_keys").fetchone()
    (timeout,) = store.db.execute("pragma busy_timeout").fetchone()
    (version,) = store.db.execute("pragma user_version").fetchone()

    assert (journal, synchronous, foreign_keys, timeout) == ("wal", 1, 1, 5000)
    assert version == SCHEMA_VERSION == len(MIGRATIONS)


def test_what_was_stored_is_there_after_opening_again(database: Path, master: MasterKey) -> None:
    fill(database, master)

    with Store.open(database, master) as store:
        assert len(store.sessions()) == 40
        assert all(store.credential(record.name) for record in store.sessions())


@pytest.mark.parametrize(
    "other", [MasterKey.from_text(MasterKey.generate()), MasterKey.from_passphrase("x" * 12)]
)
def test_a_wrong_master_key_is_refused_and_touches_nothing(
    database: Path, master: MasterKey, other: MasterKey
) -> None:
    fill(database, master)
    before = fingerprint(database.parent)

    with pytest.raises(WrongMasterKeyError):
        Store.open(database, other)

    assert fingerprint(database.parent) == before


def test_an_empty_file_is_damage_and_not_a_beginning(database: Path, master: MasterKey) -> None:
    database.parent.mkdir()
    database.touch()

    with pytest.raises(DatabaseDamagedError, match="it is empty"):
        Store.open(database, master)

    assert database.stat().st_size == 0


def test_a_log_without_its_database_is_damage_and_not_a_beginning(
    database: Path, master: MasterKey
) -> None:
    store = Store.open(database, master)
    store.put_session(SessionRecord(name="alice"))
    log = database.with_name("warden.db-wal")
    kept = database.parent.parent / "kept"
    shutil.copy(log, kept)
    store.close()
    database.unlink()
    shutil.copy(kept, log)

    with pytest.raises(DatabaseDamagedError, match=r"warden\.db-wal is there"):
        Store.open(database, master)

    assert not database.exists()


@pytest.mark.parametrize("content", [b"hello", b"\0" * 8192, os.urandom(8192)])
def test_a_file_that_is_no_database_is_refused(
    database: Path, master: MasterKey, content: bytes
) -> None:
    database.parent.mkdir()
    database.write_bytes(content)

    with pytest.raises((DatabaseDamagedError, ForeignDatabaseError)):
        Store.open(database, master)

    assert database.read_bytes() == content


def test_another_programs_database_is_refused(database: Path, master: MasterKey) -> None:
    database.parent.mkdir()
    conn = sqlite3.connect(database)
    conn.execute("create table sessions (dc_id integer primary key, auth_key blob)")
    conn.close()
    before = fingerprint(database.parent)

    with pytest.raises(ForeignDatabaseError, match="another program"):
        Store.open(database, master)

    assert fingerprint(database.parent) == before


def test_a_database_of_a_later_version_is_refused(database: Path, master: MasterKey) -> None:
    fill(database, master)
    with Store.open(database, master) as store:
        store.db.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    before = fingerprint(database.parent)

    with pytest.raises(SchemaTooNewError, match="upgrade Telewarden"):
        Store.open(database, master)

    assert fingerprint(database.parent) == before


def test_an_emptied_table_of_data_keys_is_damage(database: Path, master: MasterKey) -> None:
    fill(database, master)
    with Store.open(database, master) as store:
        store.db.execute("delete from vault")

    with pytest.raises(DatabaseDamagedError, match="data keys is empty"):
        Store.open(database, master)


@pytest.mark.parametrize("opener", [Store.open, Store.open_reader])
def test_a_damaged_data_key_is_damage_and_not_a_wrong_key(
    database: Path, master: MasterKey, opener: Callable[..., Store]
) -> None:
    fill(database, master)
    with Store.open(database, master) as store:
        store.db.execute("update vault set wrapped = zeroblob(60)")

    with pytest.raises(DatabaseDamagedError, match=r"data key .* its slot was altered"):
        opener(database, master)


def test_a_folder_in_the_place_of_the_file_is_refused(database: Path, master: MasterKey) -> None:
    database.mkdir(parents=True)

    with pytest.raises(DatabaseDamagedError, match="it is no file"):
        Store.open(database, master)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, master: MasterKey) -> None:
    (tmp_path / "state").touch()

    with pytest.raises(StorageNotWritableError, match=r"state is not writable"):
        Store.open(tmp_path / "state" / "warden.db", master)


def test_an_unwritable_folder_is_refused_in_one_sentence(
    unprivileged: Path, master: MasterKey
) -> None:
    unprivileged.chmod(0o500)

    with pytest.raises(StorageNotWritableError) as caught:
        Store.open(unprivileged / "warden.db", master)

    assert str(caught.value) == (
        f"{unprivileged} is not writable (permission denied);"
        " give its owner write access or name another place"
    )


def test_a_folder_that_cannot_be_made_is_refused(unprivileged: Path, master: MasterKey) -> None:
    unprivileged.chmod(0o500)

    with pytest.raises(StorageNotWritableError, match=r"state is not writable"):
        Store.open(unprivileged / "state" / "warden.db", master)


def test_somebody_elses_database_is_refused(unprivileged: Path, master: MasterKey) -> None:
    Store.open(unprivileged / "warden.db", master).close()
    (unprivileged / "warden.db").chmod(0o000)

    with pytest.raises(StorageNotWritableError, match=r"warden\.db is not writable"):
        Store.open(unprivileged / "warden.db", master)


def test_a_reader_reads_beside_the_writer_and_cannot_write(
    database: Path, store: Store, master: MasterKey
) -> None:
    store.put_session(SessionRecord(name="alice"))

    with Store.open_reader(database, master) as reader:
        assert [record.name for record in reader.sessions()] == ["alice"]
        store.put_session(SessionRecord(name="bob"))
        assert [record.name for record in reader.sessions()] == ["alice", "bob"]
        with pytest.raises(StorageNotWritableError):
            reader.put_session(SessionRecord(name="carol"))


def test_a_reader_without_a_master_key_sees_everything_but_secrets(alice: Store) -> None:
    with Store.open_reader(alice.path) as reader:
        assert reader.sessions() == alice.sessions()
        with pytest.raises(MasterKeyMissingError):
            reader.credential("alice")


def test_a_reader_makes_no_database(database: Path, master: MasterKey) -> None:
    with pytest.raises(StorageNotFoundError, match="does not exist"):
        Store.open_reader(database, master)

    assert not database.parent.exists()


def test_a_store_can_be_closed_twice_and_shows_its_path_only(store: Store) -> None:
    assert repr(store) == f"<Store {store.path}>"

    store.close()
    store.close()


def test_a_path_with_odd_characters_is_that_path(tmp_path: Path, master: MasterKey) -> None:
    path = tmp_path / "per cent %41 ?mode=memory #1" / "wärden.db"

    Store.open(path, master).close()

    assert path.exists()


def test_two_processes_that_make_one_database_get_the_same_one(
    database: Path, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    text = MasterKey.generate()
    program = (
        "import sys; from pathlib import Path; from telewarden.storage import *\n"
        "sys.stdin.readline()\n"
        "store = Store.open(Path(sys.argv[1]), MasterKey.from_text(sys.argv[2]))\n"
        "store.put_session(SessionRecord(name='s' + sys.argv[3]))\n"
        "store.put_credential('s' + sys.argv[3], 'text', 7, 2)\n"
        "store.close()"
    )
    processes = [spawn(program, database, text, number) for number in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    outcomes = []
    for process in processes:
        _, errors = process.communicate(timeout=30)
        outcomes.append((process.returncode, errors))

    assert outcomes == [(0, b"")] * 3
    with Store.open(database, MasterKey.from_text(text)) as store:
        assert [record.name for record in store.sessions()] == ["s0", "s1", "s2"]
        assert all(store.credential(record.name) for record in store.sessions())
    assert {path.name for path in database.parent.iterdir()} == {"warden.db", ".warden.db.lock"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, MasterKey]:
    """A database's bytes and its key, to be damaged in many ways."""
    master = MasterKey.from_text(MasterKey.generate())
    path = tmp_path_factory.mktemp("sound") / "warden.db"
    fill(path, master)
    return path.read_bytes(), master


def refusal_of(path: Path, master: MasterKey) -> type[BaseException] | None:
    """Open a damaged database and read all of it: ``None`` if it still gave true answers."""
    try:
        with Store.open(path, master) as store:
            for record in store.sessions():
                credential = store.credential(record.name)
                if credential is not None:
                    assert credential.session_string == "1" + "B" * 352
            store.pairs()
            store.backups()
            store.floods()
    except StorageError as exc:
        return type(exc)
    return None


def test_a_database_cut_at_any_page_is_refused_or_whole(
    sound: tuple[bytes, MasterKey], tmp_path: Path
) -> None:
    content, master = sound
    path = tmp_path / "warden.db"

    for length in sorted({*range(4096, len(content), 4096), 1, 15, 16, 99, 100, 4095, 4097}):
        path.write_bytes(content[:length])
        assert refusal_of(path, master) is not None, length
        assert path.read_bytes() == content[:length]


def test_a_database_with_a_page_overwritten_is_refused_or_tells_the_truth(
    sound: tuple[bytes, MasterKey], tmp_path: Path
) -> None:
    content, master = sound
    path = tmp_path / "warden.db"
    verdicts = []

    for page in range(len(content) // 4096):
        for filler in (b"\0" * 4096, b"\xff" * 4096, bytes(range(256)) * 16):
            damaged = content[: page * 4096] + filler + content[(page + 1) * 4096 :]
            path.write_bytes(damaged)
            verdicts.append(refusal_of(path, master))

    assert verdicts.count(None) < len(verdicts) / 3


@pytest.mark.crashes(logged="session row damaged", possible=True)
def test_a_database_with_bits_flipped_never_gives_a_false_credential(
    sound: tuple[bytes, MasterKey], tmp_path: Path
) -> None:
    content, master = sound
    path = tmp_path / "warden.db"

    for position in range(0, len(content), 379):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        for leftover in ("-wal", "-shm"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        refusal_of(path, master)


def test_a_short_write_beside_the_owner_is_seen_by_it_and_needs_no_key(
    database: Path, store: Store
) -> None:
    with Store.open_short_writer(database) as beside:
        beside.put_flood("alice", "help.getConfig", None, 900.0, 60.0)

        with pytest.raises(MasterKeyMissingError):
            _ = beside.vault

    store.put_flood("alice", "help.getConfig", None, 800.0, 60.0)
    assert [row.until for row in store.floods("alice")] == [900.0]


def test_nothing_is_made_or_changed_beside_where_there_is_no_database_of_ours(
    database: Path,
) -> None:
    with pytest.raises(StorageNotFoundError):
        Store.open_short_writer(database)
    database.parent.mkdir()
    conn = sqlite3.connect(database)
    conn.execute("create table sessions (dc_id integer primary key, auth_key blob)")
    conn.close()
    before = fingerprint(database.parent)

    with pytest.raises(ForeignDatabaseError):
        Store.open_short_writer(database)

    assert fingerprint(database.parent) == before


def test_who_may_not_look_into_a_folder_is_told_so(unprivileged: Path, master: MasterKey) -> None:
    folder = unprivileged / "store"
    Store.open(folder / "telewarden.db", master).close()
    folder.chmod(0o000)
    try:
        with pytest.raises(StorageNotWritableError):
            Store.open_reader(folder / "telewarden.db", master)
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("closed", [True, False], ids=["closed before", "in use when copied"])
def test_a_copy_in_a_folder_that_cannot_be_written_is_read(
    unprivileged: Path, master: MasterKey, closed: bool
) -> None:
    place = unprivileged / "live" / "warden.db"
    store = Store.open(place, master)
    store.put_session(SessionRecord(name="alice"))
    if closed:
        store.close()
    shutil.copytree(place.parent, unprivileged / "copy")
    store.close()
    copy = unprivileged / "copy" / "warden.db"
    copy.chmod(0o400)
    copy.parent.chmod(0o500)

    with Store.open_reader(copy, master) as reader:
        assert [one.name for one in reader.sessions()] == ["alice"]

    copy.parent.chmod(0o700)

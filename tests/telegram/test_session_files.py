"""Telethon's session files: every version is read, every damage is named, none is changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession

from telewarden.errors import TelethonFileDamagedError
from telewarden.telegram import (
    EntityRow,
    FileDamage,
    FileState,
    SessionString,
    read_file,
    salvage_file,
    salvage_keys,
    write_file,
)

pytestmark = pytest.mark.telegram

KEY = bytes(range(256))
PARTS = SessionString(dc_id=2, host="149.154.167.51", port=443, key=KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A session file as Telethon writes it."""
    session = SQLiteSession(str(tmp_path / "alice"))
    session.set_dc(2, "149.154.167.51", 443)
    session.auth_key = AuthKey(KEY)
    session.process_entities([types.User(id=7, access_hash=99, first_name="Bob", username="bob")])
    date = dt.datetime.fromtimestamp(1_700_000_000, tz=dt.UTC)
    session.set_update_state(0, types.updates.State(5, 6, date, 7, unread_count=0))
    session.save()
    session.close()
    return tmp_path / "alice.session"


def execute(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def downgrade(path: Path, version: int) -> None:
    """Turn the file into one that an older Telethon wrote."""
    steps = {
        7: ("alter table sessions drop column tmp_auth_key",),
        6: ("alter table entities drop column date",),
        4: ("alter table sessions drop column takeout_id",),
        3: ("drop table update_state",),
        1: ("drop table sent_files",),
    }
    for at in range(7, version - 1, -1):
        execute(path, *steps.get(at, ()))
    execute(path, f"update version set version = {version:d}")  # noqa: S608 - a number of ours


def test_a_file_of_telethon_is_read_whole(path: Path) -> None:
    before = path.read_bytes()

    stored = read_file(path)

    assert stored.version == 8
    assert stored.parts == PARTS
    assert stored.entities == (EntityRow(7, 99, "bob", None, "Bob"),)
    assert stored.states == (FileState(0, 5, 6, 1_700_000_000.0, 7),)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["alice.session"]


@pytest.mark.parametrize("version", range(1, 9))
def test_each_version_that_telethon_opens_is_read(path: Path, version: int) -> None:
    downgrade(path, version)

    stored = read_file(path)

    assert (stored.version, stored.parts) == (version, PARTS)
    assert bool(stored.entities) is (version >= 6)  # older ones hold hashes that may be wrong


def test_a_file_in_write_ahead_mode_is_read(path: Path) -> None:
    execute(path, "pragma journal_mode=wal")

    assert read_file(path).parts == PARTS


def test_what_a_dead_writer_left_is_read_on_a_copy(path: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(path)
    writer.execute("pragma journal_mode=wal")
    writer.execute("update sessions set port = 80")
    writer.commit()
    dead = tmp_path / "dead"
    dead.mkdir()
    for suffix in ("", "-wal"):
        (dead / f"x.session{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    writer.close()

    stored = read_file(dead / "x.session")

    assert stored.parts.port == 80
    assert {one.name for one in dead.iterdir()} == {"x.session", "x.session-wal"}


def damaged(path: Path, how: str) -> Path:
    data = path.read_bytes()
    match how:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"hello" * 100)
        case "header":
            path.write_bytes(data[:60])
        case "cut":
            path.write_bytes(data[:5000])
        case "zeroed":
            path.write_bytes(data[:100] + bytes(len(data) - 100))
        case "foreign":
            path.unlink()
            execute(path, "create table people (id integer)")
        case "pyrogram":
            path.unlink()
            execute(
                path,
                "create table version (number integer)",
                "create table sessions (dc_id integer, test_mode integer, auth_key blob)",
            )
        case "no version":
            execute(path, "delete from version")
        case "newer":
            execute(path, "update version set version = 9")
        case "no row":
            execute(path, "delete from sessions")
        case "no key":
            execute(path, "update sessions set auth_key = x''")
        case "short key":
            execute(path, "update sessions set auth_key = x'0102'")
        case "host":
            execute(path, "update sessions set server_address = 'telegram.org'")
        case "port":
            execute(path, "update sessions set port = 0")
    return path


@pytest.mark.parametrize(
    ("how", "damage"),
    [
        ("missing", FileDamage.MISSING),
        ("empty", FileDamage.EMPTY),
        ("text", FileDamage.NOT_A_DATABASE),
        ("header", FileDamage.NOT_A_DATABASE),
        ("cut", FileDamage.MALFORMED),
        ("zeroed", FileDamage.MALFORMED),
        ("foreign", FileDamage.FOREIGN),
        ("pyrogram", FileDamage.FOREIGN),
        ("no version", FileDamage.NO_VERSION),
        ("newer", FileDamage.TOO_NEW),
        ("no row", FileDamage.NO_SESSION),
        ("no key", FileDamage.NO_KEY),
        ("short key", FileDamage.BAD_KEY),
        ("host", FileDamage.BAD_SERVER),
        ("port", FileDamage.BAD_SERVER),
    ],
)
def test_each_damage_has_its_name_and_changes_nothing(
    path: Path, how: str, damage: FileDamage
) -> None:
    damaged(path, how)
    before = path.read_bytes() if path.exists() else None

    with pytest.raises(TelethonFileDamagedError) as caught:
        read_file(path)

    assert caught.value.damage == damage
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_file_cut_anywhere_is_read_or_named(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), 512):
        path.write_bytes(data[:size])
        with pytest.raises(TelethonFileDamagedError):
            read_file(path)


def test_a_bit_flipped_anywhere_gives_the_right_key_or_a_name(path: Path) -> None:
    data = path.read_bytes()
    for at in range(0, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with contextlib.suppress(TelethonFileDamagedError):
            stored = read_file(path)
            flipped_in_key = stored.parts.key != KEY
            assert not flipped_in_key or data.find(KEY) <= at < data.find(KEY) + 256


def test_a_written_file_is_private_and_telethon_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "out.session"
    entity, state = EntityRow(7, 99, "bob", None, "Bob"), FileState(0, 5, 6, 1_700_000_000.0, 7)

    write_file(path, PARTS, entities=[entity], states=[state])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    session = SQLiteSession(str(path))
    assert session.auth_key.key == KEY
    assert session.get_input_entity(7).access_hash == 99
    assert session.get_update_state(0).pts == 5
    session.close()
    assert read_file(path).entities == (entity,)


def test_an_existing_file_is_not_written_over(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(FileExistsError):
        write_file(path, PARTS)

    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(1, 9))
def test_the_key_is_salvaged_from_every_version(path: Path, version: int) -> None:
    downgrade(path, version)

    assert salvage_file(path) == (PARTS,)


@pytest.mark.parametrize("how", ["header", "tree", "schema", "cut", "other program's header"])
def test_the_key_is_salvaged_from_a_file_that_sqlite_gives_up(path: Path, how: str) -> None:
    data = path.read_bytes()
    row = data.find(KEY)
    page = row // 4096 * 4096
    broken = {
        "header": bytes(100) + data[100:],
        "tree": data[:page] + bytes(8) + data[page + 8 :],
        "schema": bytes(4096) + data[4096:],
        "cut": data[: row + 300],
        "other program's header": b"garbage!" + data[8:],
    }[how]
    path.write_bytes(broken)
    with pytest.raises(TelethonFileDamagedError):
        read_file(path)

    assert PARTS in salvage_file(path)
    assert path.read_bytes() == broken


def test_no_wrong_key_is_salvaged_from_damage_outside_the_key(path: Path) -> None:
    data = path.read_bytes()
    key_at = data.find(KEY)
    for at in (*range(key_at - 60, key_at), *range(key_at + len(KEY), key_at + len(KEY) + 60)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            assert {one.key for one in salvage_keys(flipped)} <= {KEY}


@given(st.binary(max_size=2_000))
def test_any_bytes_are_searched_without_an_error(data: bytes) -> None:
    assert list(salvage_keys(b"\x84\x0c" + data + b"\x84\x0c")) == []


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert salvage_file(tmp_path / "none.session") == ()


def test_the_key_is_salvaged_beside_a_temporary_one(path: Path) -> None:
    execute(path, "update sessions set tmp_auth_key = zeroblob(256), takeout_id = 77")

    assert salvage_file(path) == (PARTS,)

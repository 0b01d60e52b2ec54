"""Databases of every earlier schema, with rows in them, are opened and lose nothing."""

# ruff: noqa: S608 - the names of tables and columns are this module's own

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from telewarden.errors import (
    SchemaTooNewError,
    SchemaTooOldError,
    StorageFullError,
    StorageNotWritableError,
)
from telewarden.storage import Credential, MasterKey, OutboxRow, SessionRecord, Store
from telewarden.storage.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352

# Which tables each step made, with one row of each as that version wrote it. Sealed values are
# copied from a database of today: sealing has not changed.
BEFORE_PRUNING = 8  # the version in which no forgotten message was known

MADE: tuple[Mapping[str, Mapping[str, Any]], ...] = (
    {
        "user_sessions": {
            "name": "alice",
            "phone": "+12025550123",
            "priority": 3,
            "max_pairs": 40,
            "metadata": '{"team": "news"}',
            "user_id": 77,
            "created": 1.0,
            "updated": 2.0,
        },
        "session_backups": {},
        "latched_keys": {"key_id": -5, "reason": "revoked", "at": 3.0},
    },
    {
        "pairs": {
            "id": 1,
            "session": "alice",
            "source": -1001,
            "target": -1002,
            "mode": "copy",
            "enabled": 0,
            "paused_reason": "no right",
            "filters": '{"allow": ["x"]}',
            "group_id": 2,
        },
        "outbox": {},
        "marks": {"pair_id": 1, "chat": -1001, "message_id": 55},
    },
    {
        "entities": {
            "session": "alice",
            "id": -1001,
            "access_hash": 99,
            "username": "news",
            "seen": 4.0,
        },
        "update_states": {
            "session": "alice",
            "entity_id": 0,
            "pts": 7,
            "qts": 1,
            "date": 5.0,
            "seq": 2,
        },
        "floods": {
            "account": "alice",
            "method": "messages.getHistory",
            "chat": 0,
            "until": 9e9,
            "seconds": 60.0,
        },
        "login_codes": {"id": 1, "phone": "+12025550123", "at": 6.0},
    },
    {
        "crashes": {"id": 1, "path": "sessions/alice", "reason": "why", "at": 7.0},
        "audit": {
            "id": 1,
            "who": "ann",
            "what": "pause",
            "subject": "pair 1",
            "before": "true",
            "after": "false",
            "outcome": "done",
            "at": 8.0,
        },
    },
    {
        "operations": {
            "id": 4,
            "kind": "backfill",
            "session": "alice",
            "state": "running",
            "step": 1,
            "steps": 3,
            "description": "reading",
            "parts": "[]",
            "error": "",
            "who": "ann",
            "started": 9.0,
            "updated": 9.5,
            "ended": None,
        },
        "registrations": {"name": "alice"},
    },
    {"backfills": {"pair_id": 1, "after": 10, "until": 20, "found": 3}},
    {},
    {"pair_plans": {"id": 7, "sealed": None, "declared": "what it said"}},
    {
        "pruned": {"pair_id": 1, "oldest": 1, "newest": 2},
        "last_targets": {"pair_id": 1, "message_id": 902},
    },
    {"accounts": {"session": "alice"}},
    {"clock": {"id": 1, "boot": "an earlier one", "base": 3.0, "ahead": None}},
    {"sent_versions": {"pair_id": 1, "source_id": 5, "version": 44}},
    {
        "ring_messages": {
            "pair_id": 1,
            "source_chat": -1,
            "source_id": 5,
            "target_chat": -2,
            "target_id": 9,
            "at": 1.0,
        }
    },
    {},
    {"old_keys": {}},
    {"future_tokens": {"id": 1, "session": "alice", "at": 1.0}},
    {"account_facts": {"session": "alice", "facts": "{}"}},
    {
        "alerts": {
            "name": "SessionDown",
            "subject": "alice",
            "severity": "warning",
            "detail": "",
            "since": 1.0,
            "told": "[]",
        },
        "alert_news": {
            "id": "n1",
            "channel": "phone",
            "name": "SessionDown",
            "subject": "alice",
            "what": "fired",
            "severity": "warning",
            "detail": "",
            "since": 1.0,
            "at": 1.0,
        },
        "alert_silences": {"name": "*", "until": 1.0},
        "webhook_events": {
            "id": "e1",
            "webhook": "app",
            "event": "Forwarded",
            "body": "{}",
            "at": 1.0,
            "refused": 0,
            "reason": "",
            "dead": 0,
        },
    },
    {
        "health_verdicts": {
            "session": "alice",
            "worker_group": "",
            "health": "expired",
            "reason": "login_ended",
            "why": "[]",
            "since": 1.0,
            "steps": "[]",
        }
    },
)


@pytest.fixture
def written_today(store: Store) -> Store:
    """A database with the values that only a vault can make."""
    return fill(store)


def fill(store: Store) -> Store:
    store.put_session(SessionRecord(name="alice", user_id=77))
    store.put_credential("alice", STRING, 7, 2)
    store.put_user_id("alice", 77)
    store.add_backup("alice", "by hand", 1.0)
    store.add_future_token("alice", b"token", 1.0)
    store.enqueue(
        [
            OutboxRow(
                pair_id=1,
                source_chat=-1001,
                source_id=3,
                random_id=5,
                enqueued_at=1.0,
                payload=b"hello",
            )
        ]
    )
    earlier = store.vault.seal("old_keys/1", MasterKey.from_text(MasterKey.generate()).to_bytes())
    with store.transaction():
        store.db.execute("insert into old_keys (id, sealed) values (1, ?)", (earlier,))
    return store


def old_database(place: Path, version: int, today: Store) -> Path:
    """Make a database as a release with that many migrations has left it."""
    place.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(place)) as conn:
        conn.execute("pragma journal_mode = wal")
        conn.execute(f"pragma application_id = {APPLICATION_ID}")
        for step in MIGRATIONS[:version]:
            step(Database(conn))
        conn.execute(f"pragma user_version = {version}")
        conn.execute("attach ? as today", (str(today.path),))
        conn.execute("insert into vault select * from today.vault")
        for tables in MADE[:version]:
            for table, row in tables.items():
                copy_row(conn, table, row)
        conn.commit()
    place.chmod(0o600)
    return place


def copy_row(conn: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    columns = [name for (name,) in conn.execute(f"select name from pragma_table_info('{table}')")]
    names = ", ".join(f'"{name}"' for name in columns)
    sealed = {"user_sessions", "session_backups", "outbox", "accounts", "old_keys", "future_tokens"}
    if table in sealed:
        conn.execute(f"insert into {table} ({names}) select {names} from today.{table}")
        for name, value in row.items():
            conn.execute(f"update {table} set {name} = ?", (value,))
    else:
        marks = ", ".join("?" * len(row))
        named = ", ".join(f'"{name}"' for name in row)
        conn.execute(f"insert into {table} ({named}) values ({marks})", tuple(row.values()))


def rows_of(path: Path, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(path)) as conn:
        conn.row_factory = sqlite3.Row
        return {table: dict(conn.execute(f"select * from {table}").fetchone()) for table in tables}


def test_the_rows_to_be_kept_speak_of_every_table(store: Store) -> None:
    tables = {name for made in MADE for name in made}

    assert tables == set(store.db.table_names()) - {"vault", "sqlite_sequence"}
    assert len(MADE) == SCHEMA_VERSION


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_database_of_an_earlier_version_is_opened_with_everything_in_it(
    tmp_path: Path, master: MasterKey, written_today: Store, version: int
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", version, written_today)
    tables = {table: row for made in MADE[:version] for table, row in made.items()}
    before = rows_of(place, tables)

    with Store.open(place, master) as store:
        assert store.db.execute("pragma user_version").fetchone() == (SCHEMA_VERSION,)
        after = rows_of(place, tables)
        assert {
            table: {name: after[table][name] for name in row} for table, row in before.items()
        } == before
        assert store.credential("alice") == Credential(
            name="alice", session_string=STRING, key_id=7, dc_id=2
        )
        assert [store.backup_credential(one.id).key_id for one in store.backups()] == [7]
        assert (version < 2) or [row.payload for row in store.pending([1])] == [b"hello"]
        assert store.rotate_data_key() == []  # what was kept can be worked with
        alice = store.session("alice")
        assert alice is not None
        assert alice.user_id == 77


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_migrated_database_has_the_tables_of_a_new_one(
    tmp_path: Path, master: MasterKey, written_today: Store, version: int
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", version, written_today)

    with Store.open(place, master) as store:
        assert schema_of(store) == schema_of(written_today)


def schema_of(store: Store) -> set[str]:
    return {row[0] for row in store.db.execute("select sql from sqlite_master where sql not null")}


def test_a_step_that_is_broken_off_leaves_the_version_before_it(
    tmp_path: Path, master: MasterKey, written_today: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", SCHEMA_VERSION - 1, written_today)

    def halfway(db: Database) -> None:
        MIGRATIONS[-1](db)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("telewarden.storage.database.MIGRATIONS", (*MIGRATIONS[:-1], halfway))
        with pytest.raises(KeyboardInterrupt):
            Store.open(place, master)

    with closing(sqlite3.connect(place)) as conn:
        assert conn.execute("pragma user_version").fetchone() == (SCHEMA_VERSION - 1,)
    with Store.open(place, master) as store:
        assert store.credential("alice") is not None


def test_an_old_database_on_a_read_only_disk_is_left_as_it_is(
    unprivileged: Path, master: MasterKey
) -> None:
    with Store.open(unprivileged / "today" / "warden.db", master) as today:
        place = old_database(unprivileged / "old" / "warden.db", 1, fill(today))
    content = place.read_bytes()
    place.chmod(0o400)
    place.parent.chmod(0o500)

    with pytest.raises(StorageNotWritableError):
        Store.open(place, master)

    place.parent.chmod(0o700)
    assert place.read_bytes() == content


def test_an_old_database_on_a_full_disk_is_brought_up_to_date_when_there_is_room(
    small_disk: Path, master: MasterKey, written_today: Store
) -> None:
    place = old_database(small_disk / "old" / "warden.db", 1, written_today)
    filler = small_disk / "filler"
    fill_up(filler)

    with pytest.raises(StorageFullError):
        Store.open(place, master)
    filler.unlink()

    with Store.open(place, master) as store:
        assert store.credential("alice") is not None


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_version_that_is_not_known_yet_is_left_alone(
    tmp_path: Path, master: MasterKey, written_today: Store
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", 2, written_today)
    with closing(sqlite3.connect(place)) as conn:
        conn.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")

    with pytest.raises(SchemaTooNewError):
        Store.open(place, master)


def test_what_was_delivered_before_is_counted_as_the_newest_in_the_target(
    tmp_path: Path, master: MasterKey, written_today: Store
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", BEFORE_PRUNING, written_today)
    with closing(sqlite3.connect(place)) as conn:
        conn.execute("update outbox set state = 'done', target_id = 905, ended_at = 1.0")
        conn.commit()

    with Store.open(place, master) as store:
        assert store.last_targets([1, 2]) == {1: 905}


@pytest.mark.parametrize("version", range(4, SCHEMA_VERSION))
def test_a_database_of_an_earlier_version_is_read_as_it_is(
    tmp_path: Path, master: MasterKey, written_today: Store, version: int
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", version, written_today)

    with Store.open_reader(place, master) as store:
        assert [one.name for one in store.sessions()] == ["alice"]
        assert [one.method for one in store.floods("alice")] == ["messages.getHistory"]


@pytest.mark.parametrize("version", range(1, 4))
def test_a_database_that_is_too_old_to_be_read_as_it_is_says_what_to_do(
    tmp_path: Path, master: MasterKey, written_today: Store, version: int
) -> None:
    place = old_database(tmp_path / "old" / "warden.db", version, written_today)

    with pytest.raises(SchemaTooOldError, match="start the warden once"):
        Store.open_reader(place, master)

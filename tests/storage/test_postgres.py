"""The store in PostgreSQL: opening, refusing, servers that go away, and texts of any kind."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from telewarden.errors import (
    DatabaseDamagedError,
    ForeignDatabaseError,
    InvalidRecordError,
    MasterKeyMissingError,
    SchemaTooNewError,
    SchemaTooOldError,
    StorageBusyError,
    StorageFailedError,
    StorageFullError,
    StorageNotFoundError,
    StorageNotWritableError,
    StorageUnreachableError,
    TransactionLostError,
    WrongMasterKeyError,
)
from telewarden.storage import MasterKey, OutboxRow, PlanRow, SessionRecord, Store
from telewarden.storage.database_url import DatabaseUrl
from telewarden.storage.postgres.schema import between, creation
from telewarden.storage.postgres.translation import translated, with_nul, without_nul
from telewarden.storage.schema import SCHEMA_VERSION
from telewarden.storage.schema_description import described

from ..postgres_server import PostgresServer

pytestmark = pytest.mark.storage


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.fresh()


@pytest.fixture
def store(url: str, master: MasterKey) -> Iterator[Store]:
    with Store.open(url, master) as opened:
        yield opened


def look(url: str, sql: str) -> list[tuple[object, ...]]:
    """What the server says, asked without the store."""
    with psycopg.connect(url, autocommit=True) as conn:
        done = conn.execute(sql.encode())
        return done.fetchall() if done.description else []


def names(store: Store) -> list[str]:
    return [one.name for one in store.sessions()]


def add(store: Store, name: str) -> None:
    store.put_session(SessionRecord(name=name))


# The address


def test_a_password_is_shown_nowhere(master: MasterKey, tmp_path: Path) -> None:
    text = f"postgresql://warden:verysecret@/tele?host={tmp_path}"

    with pytest.raises(StorageUnreachableError) as caught:
        Store.open(text, master)

    url = DatabaseUrl.parse(text)
    assert str(url) == f"postgresql://{tmp_path}/tele"
    assert "verysecret" not in f"{url!r} {url} {caught.value} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "text", ["postgresql://", "postgresql://host:port/db", "postgresql://u:secret@host"]
)
def test_what_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidRecordError, match="postgresql://user@host:5432/database") as caught:
        Store.open_short_writer(text)

    assert "secret" not in str(caught.value)


# Opening


def test_another_master_key_is_refused_and_changes_nothing(
    store: Store, url: str, master: MasterKey
) -> None:
    slots = look(url, "select * from vault")

    with pytest.raises(WrongMasterKeyError):
        Store.open(url, MasterKey.from_text(MasterKey.generate()))

    assert look(url, "select * from vault") == slots


def test_another_programs_tables_are_refused_and_left_alone(url: str, master: MasterKey) -> None:
    look(url, "create table user_sessions (id integer)")

    with pytest.raises(ForeignDatabaseError):
        Store.open(url, master)

    assert look(url, "select to_regclass('vault'), to_regclass('telewarden_schema')") == [
        (None, None)
    ]


def test_another_application_is_refused(store: Store, url: str, master: MasterKey) -> None:
    store.execute("update telewarden_schema set application = 1")

    with pytest.raises(ForeignDatabaseError):
        Store.open(url, master)


@pytest.mark.parametrize("opener", [Store.open, Store.open_reader])
@pytest.mark.parametrize(
    ("version", "error"), [(SCHEMA_VERSION + 1, SchemaTooNewError), (1, SchemaTooOldError)]
)
def test_the_schema_of_another_version_is_refused(
    store: Store,
    url: str,
    master: MasterKey,
    opener: Callable[..., Store],
    version: int,
    error: type[Exception],
) -> None:
    store.execute("update telewarden_schema set version = ?", (version,))

    with pytest.raises(error, match=f"has schema {version}"):
        opener(url, master)

    assert look(url, "select version from telewarden_schema") == [(version,)]


def test_an_emptied_or_damaged_table_of_keys_is_damage(
    store: Store, url: str, master: MasterKey
) -> None:
    store.execute("update vault set wrapped = ?", (bytes(60),))
    with pytest.raises(DatabaseDamagedError):
        Store.open(url, master)

    store.execute("delete from vault")
    with pytest.raises(DatabaseDamagedError, match="data keys is empty"):
        Store.open_reader(url, master)


def test_the_steps_from_an_earlier_schema_lead_to_todays(postgres: PostgresServer) -> None:
    asked = (
        "select table_name, column_name, data_type, collation_name, is_nullable"
        " from information_schema.columns where table_schema = current_schema()"
        " order by 1, ordinal_position"
    )
    indexes = (
        "select indexname, replace(indexdef, current_schema() || '.', '') from pg_indexes"
        " where schemaname = current_schema() order by 1"
    )
    made = [postgres.fresh(), postgres.fresh()]
    for one, version in zip(made, (11, SCHEMA_VERSION), strict=True):
        for statement in creation(version):
            look(one, statement)
    for number in range(12, SCHEMA_VERSION + 1):
        for statement in between(described(number - 1), described(number)):
            look(made[0], statement)

    assert look(made[0], asked) == look(made[1], asked)
    assert look(made[0], indexes) == look(made[1], indexes)


MAKE = """
import sys
from telewarden.storage import MasterKey, SessionRecord, Store
sys.stdin.readline()
with Store.open(sys.argv[1], MasterKey.from_text(sys.argv[2])) as store:
    store.put_session(SessionRecord(name=sys.argv[3]))
"""


def test_processes_that_make_one_database_get_the_same_one(
    url: str, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    text = MasterKey.generate()
    processes = [spawn(MAKE, url, text, f"s{number}") for number in range(3)]

    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[1] for process in processes]

    assert said == [b"", b"", b""]
    with Store.open(url, MasterKey.from_text(text)) as store:
        assert names(store) == ["s0", "s1", "s2"]


# Readers and short writers


def test_a_reader_reads_beside_the_writer_and_cannot_write(
    store: Store, url: str, master: MasterKey
) -> None:
    add(store, "alice")
    store.put_credential("alice", "1" + "A" * 352, 7, 2)

    with Store.open_reader(url, master) as reader:
        assert names(reader) == ["alice"]
        assert reader.credential("alice") is not None
        with pytest.raises(StorageNotWritableError):
            reader.record_crash("path", "why", 1.0)
        with pytest.raises(StorageNotWritableError), reader.transaction():
            add(reader, "bob")
        with pytest.raises(StorageNotWritableError):
            reader.touch()
    with Store.open_reader(url) as blind, pytest.raises(MasterKeyMissingError):
        blind.credential("alice")
    assert names(store) == ["alice"]


@pytest.mark.parametrize("opener", [Store.open_reader, Store.open_short_writer])
def test_who_does_not_own_it_makes_no_database(url: str, opener: Callable[[str], Store]) -> None:
    with pytest.raises(StorageNotFoundError):
        opener(url)

    assert look(url, "select to_regclass('vault')") == [(None,)]


def test_a_short_write_beside_the_owner_is_seen_by_it_and_needs_no_key(
    store: Store, url: str
) -> None:
    with Store.open_short_writer(url) as beside:
        beside.put_flood("alice", "a", None, 9.0, 1.0)
        with pytest.raises(MasterKeyMissingError):
            beside.put_credential("alice", "1", 1, 2)

    assert [row.until for row in store.floods()] == [9.0]


def test_who_may_only_look_is_told_that_it_is_not_writable(
    store: Store, url: str, master: MasterKey, postgres: PostgresServer
) -> None:
    schema = url.rpartition("%3D")[2]
    postgres.execute(
        "do $$ begin create role looker login; exception when duplicate_object then null; end $$"
    )
    postgres.execute(f"grant usage on schema {schema} to looker")
    postgres.execute(f"grant select on all tables in schema {schema} to looker")

    with Store.open(postgres.url(schema=schema, user="looker"), master) as looker:
        assert names(looker) == []
        with pytest.raises(StorageNotWritableError, match="permission denied"):
            add(looker, "alice")


# Transactions


def test_one_writer_at_a_time_and_who_waits_too_long_is_told(
    store: Store, url: str, master: MasterKey
) -> None:
    with Store.open(url, master) as other:
        other._conn.lock_timeout = 0.05  # type: ignore[attr-defined]  # PostgreSQL's
        with store.transaction(), pytest.raises(StorageBusyError, match="locked"):
            add(other, "bob")
        add(other, "carol")

    assert names(store) == ["carol"]


def test_after_an_error_within_it_a_transaction_is_not_taken_for_stored(store: Store) -> None:
    with pytest.raises(TransactionLostError), store.transaction():  # noqa: PT012 - what is undone
        add(store, "alice")
        with pytest.raises(StorageFailedError):
            store.execute("update nothing set x = 1")

    with pytest.raises(TransactionLostError), store.transaction():  # noqa: PT012 - what is undone
        add(store, "bob")
        with pytest.raises(StorageFailedError):
            store.execute("update nothing set x = 1")
        add(store, "carol")
    assert names(store) == []


def test_an_error_in_an_inner_transaction_costs_that_one_only(store: Store) -> None:
    with store.transaction():
        add(store, "alice")
        with pytest.raises(StorageFailedError), store.transaction():
            store.execute("update nothing set x = 1")
        add(store, "bob")

    assert names(store) == ["alice", "bob"]


def test_a_server_that_syncs_later_syncs_what_others_will_see(url: str, master: MasterKey) -> None:
    late = f"{url}%20-csynchronous_commit%3Doff"
    flushed = "select pg_current_wal_flush_lsn() >= '{}'"

    with Store.open(late, master) as store:
        store.put_plans([PlanRow(id=1, plan=None)])
        ((stored,),) = look(url, "select pg_current_wal_insert_lsn()")
        assert look(url, flushed.format(stored)) == [(True,)]
        add(store, "alice")
        ((stored,),) = look(url, "select pg_current_wal_insert_lsn()")
        store.checkpoint()
        assert look(url, flushed.format(stored)) == [(True,)]


# Trouble


def test_a_full_disk_is_said_and_work_goes_on_when_there_is_room(
    postgres: PostgresServer, small_disk: Path, master: MasterKey
) -> None:
    place = small_disk / "space"
    place.mkdir()
    for folder in (small_disk, *small_disk.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    shutil.chown(place, "postgres")
    postgres.execute(f"create tablespace small location '{place}'")
    url = f"{postgres.fresh()}%20-cdefault_tablespace%3Dsmall"
    try:
        with Store.open(url, master) as store:
            add(store, "alice")
            with pytest.raises(StorageFullError, match="no space is left"):
                store.enqueue([big(number) for number in range(100)])
            assert store.outbox_counts().pending == 0
            postgres.execute("drop table if exists nothing")
            assert names(store) == ["alice"]
            subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
            assert store.enqueue([big(number) for number in range(100)]) == 100
    finally:
        schema = url.partition("%3D")[2].partition("%20")[0]
        postgres.execute(f"drop schema {schema} cascade")
        postgres.execute("drop tablespace small")


def big(source_id: int) -> OutboxRow:
    return OutboxRow(
        pair_id=1,
        source_chat=-1,
        source_id=source_id,
        random_id=source_id,
        enqueued_at=1.0,
        payload=os.urandom(20_000),
    )


def test_a_connection_that_is_cut_undoes_its_transaction_and_is_made_anew(
    store: Store, url: str
) -> None:
    with pytest.raises(StorageUnreachableError), store.transaction():  # noqa: PT012 - what is undone
        add(store, "alice")
        cut(url)
        add(store, "bob")

    assert names(store) == []
    add(store, "carol")
    cut(url)
    with pytest.raises(StorageUnreachableError, match="cannot be reached"):
        add(store, "dave")
    add(store, "erin")
    assert names(store) == ["carol", "erin"]


def back(store: Store) -> None:
    """Wait until the server is asked again, which takes a quarter of a second."""
    until = time.monotonic() + 10.0
    while True:
        try:
            store.touch()
        except StorageUnreachableError:
            assert time.monotonic() < until
            threading.Event().wait(0.02)
        else:
            return


def cut(url: str) -> None:
    """Cut all connections but one's own."""
    look(
        url,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'telewarden' and pid <> pg_backend_pid()",
    )


def test_a_server_that_was_killed_has_all_that_was_stored(
    own_postgres: PostgresServer, master: MasterKey
) -> None:
    with Store.open(own_postgres.fresh(), master) as store:
        add(store, "alice")
        own_postgres.kill()
        for _ in range(2):
            with pytest.raises(StorageUnreachableError):
                add(store, "bob")
        with pytest.raises(StorageUnreachableError):
            store.touch()

        own_postgres.start()
        back(store)

        add(store, "carol")
        assert names(store) == ["alice", "carol"]


class Line:
    """A line to the server that can be made to break when a commit is on its way.

    Args:
        server: the server's socket.
        place: where this one listens.
        arrives: whether the commit still arrives; its answer never does.
    """

    def __init__(self, server: Path, place: Path, *, arrives: bool) -> None:
        self._server, self._arrives = server, arrives
        self.breaks, self._answered = False, threading.Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            for way in (self._up, self._down):
                threading.Thread(target=way, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while data := client.recv(65_536):
                if self.breaks and b"commit" in data:
                    self.breaks = False
                    client.shutdown(socket.SHUT_RDWR)
                    if self._arrives:
                        server.sendall(data)
                        self._answered.wait(10)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                try:
                    client.sendall(data)
                except OSError:  # it answers, and nobody hears
                    self._answered.set()


@pytest.mark.parametrize("arrives", [True, False])
def test_what_became_of_a_commit_whose_answer_was_lost_is_asked(
    postgres: PostgresServer, tmp_path: Path, master: MasterKey, arrives: bool
) -> None:
    url = postgres.fresh()
    place = tmp_path / ".s.PGSQL.5432"
    line = Line(postgres.folder / place.name, place, arrives=arrives)
    try:
        with Store.open(url.replace(str(postgres.folder), str(tmp_path)), master) as store:
            add(store, "alice")
            line.breaks = True
            if arrives:
                with store.transaction():
                    store.record_crash("path", "why", 1.0)
            else:
                with pytest.raises(StorageUnreachableError), store.transaction():
                    store.record_crash("path", "why", 1.0)

            assert not line.breaks
            assert len(store.crashes()) == int(arrives)
    finally:
        line.close()


# Texts


TEXTS = ["a\x00b", "\ue000", "\ue0000", "\ue0001\x00", "100 % 'quoted' \\ ?:name", "\\u0000", "é🙂"]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    store.record_crash(text, text, 1.0)
    store.audit_many([("ann", text.replace("\x00", ""), "s", {"x": text}, [text], "done", 1.0)])
    store.put_account_facts("alice", text)

    (crash,) = store.crashes(text)
    (row,) = store.audit_rows()
    assert (crash.path, crash.reason) == (text, text)
    assert (row.what, row.before, row.after) == (text.replace("\x00", ""), {"x": text}, [text])
    assert store.account_facts("alice") == text
    assert with_nul(without_nul(text)) == text


def test_half_a_character_is_refused_as_sqlite_refuses_it(store: Store) -> None:
    with pytest.raises(UnicodeEncodeError):
        store.record_crash("path", "half \ud83d", 1.0)

    assert store.crashes() == []


# The words


PLACED = {
    "select x from t where a = ? and b like '%?'": "select x from t where a = %s and b like '%%?'",
    "where (? is null or at < :at)": "where (%s is null or at < %(at)s)",
    "select max(id), min(a, max(b, c))": "select max(id), least(a, greatest(b, c))",
    "from outbox indexed by outbox_ended where x": "from outbox where x",
    "set sealed = x'00ff'": "set sealed = '\\x00ff'::bytea",
    "delete from operations where id in (select value from json_each(?))": (
        "delete from operations where id in (select value::bigint"
        " from json_array_elements_text(%s::json) as each(value))"
    ),
    "insert into audit (who, at) select ?, json_extract(value, '$[1]') from json_each(?)": (
        "insert into audit (who, at) select %s, (value ->> 1)::double precision"
        " from json_array_elements(%s::json) with ordinality as each(value, key)"
    ),
}


@pytest.mark.parametrize(("said", "meant"), PLACED.items(), ids=range(len(PLACED)))
def test_a_statement_is_said_in_postgresqls_words(said: str, meant: str) -> None:
    assert translated(said).text == meant

"""A whole store in another: from a file to a server and back, nothing left out or altered."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from telewarden.errors import StorageFailedError, WrongMasterKeyError
from telewarden.storage import (
    BackupFolder,
    DatabaseUrl,
    MasterKey,
    Operation,
    OutboxRow,
    PairRecord,
    SessionRecord,
    Store,
)
from telewarden.storage.copying import CopyingRows
from telewarden.storage.schema_description import described

from ..postgres_server import PostgresServer

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352
EXACT = 0.1 + 0.2  # a number whose last digit is lost by whoever rounds


@pytest.fixture
def places(tmp_path: Path, postgres: PostgresServer) -> dict[str, Path | str]:
    return {
        "sqlite": tmp_path / "one" / "warden.db",
        "postgres": postgres.fresh(),
        "other sqlite": tmp_path / "two" / "warden.db",
        "other postgres": postgres.fresh(),
    }


def fill(store: Store) -> None:
    """Some of everything, of some more than fits in a piece."""
    store.put_session(SessionRecord(name="alice", metadata={"a": "é\x00\ue000"}, created=EXACT))
    store.put_credential("alice", STRING, 2**64 - 1, 2)
    store.put_user_id("alice", 77)
    store.add_backup("alice", "by hand \x00 \ue0000", 1.0)
    store.put_pair(PairRecord(id=5, session="alice", source=-1, target=-2))
    store.enqueue(
        OutboxRow(pair_id=5, source_chat=-1, source_id=n, random_id=-n, enqueued_at=n / 7,
                  payload=b"hello")
        for n in range(2_500)
    )  # fmt: skip
    store.complete(5, 7, 907, EXACT, 44)
    store.put_operations([Operation(id=9, kind="move")])
    store.delete_operations([9])
    store.audit("ann", "pause", "pair 5", {"on": True}, None, at=3.0)
    store.put_flood("alice", "a", None, 9.0, 1.0)


def everything(store: Store) -> list[object]:
    tables = described().tables.values()
    return [list(itertools.chain(*CopyingRows._pieces(store, table))) for table in tables]


@pytest.mark.parametrize(
    ("first", "second"),
    [("sqlite", "postgres"), ("postgres", "other sqlite"), ("sqlite", "other sqlite"),
     ("postgres", "other postgres")],
)  # fmt: skip
def test_all_that_is_in_a_store_is_in_its_copy_and_goes_on_there(
    places: dict[str, Path | str], master: MasterKey, first: str, second: str
) -> None:
    other = MasterKey.from_text(MasterKey.generate())
    with Store.open(places[first], master) as source, Store.open(places[second], other) as target:
        fill(source)
        target.put_session(SessionRecord(name="bob"))

        copied = target.replace_all(source)

        rows = everything(source)
        assert everything(target) == rows
        assert copied == sum(len(table) for table in rows if isinstance(table, list)) > 2_500

    with pytest.raises(WrongMasterKeyError):
        Store.open(places[second], other)
    with Store.open(places[second], master) as target:
        assert [one.name for one in target.sessions()] == ["alice"]
        credential = target.credential("alice")
        assert credential is not None
        assert credential.session_string == STRING
        assert target.last_operation_id() == 9
        assert len(target.pending([5])) == 2_499
        kept = target.add_backup("alice", "next", 2.0)
        assert kept is not None
        assert kept.id == 2
        target.record_crash("a", "b", 1.0)
        target.put_session(SessionRecord(name="carol"))


class Falsified(Store):
    """A store that says something else when it is read a second time."""

    times = 0

    def _pieces(self, table: object) -> Iterator[list[tuple[object, ...]]]:  # type: ignore[override]
        for rows in super()._pieces(table):  # type: ignore[arg-type]
            Falsified.times += 1
            yield rows if Falsified.times < 3 else [(*rows[0][:-1], "other"), *rows[1:]]


def test_a_copy_that_is_not_the_same_is_not_kept(
    places: dict[str, Path | str], master: MasterKey
) -> None:
    with ExitStack() as opened:
        source = opened.enter_context(Falsified.open(places["sqlite"], master))
        target = opened.enter_context(Store.open(places["postgres"], master))
        source.put_session(SessionRecord(name="alice"))
        target.put_session(SessionRecord(name="bob"))

        with pytest.raises(StorageFailedError, match="is not what it is in"):
            target.replace_all(source)

        assert [one.name for one in target.sessions()] == ["bob"]


def test_a_backup_is_put_back_to_a_server_and_what_was_there_is_kept(
    places: dict[str, Path | str], master: MasterKey, tmp_path: Path
) -> None:
    backups = BackupFolder(tmp_path / "backups")
    url = DatabaseUrl.parse(str(places["postgres"]))
    with Store.open(url, master) as store:
        fill(store)
        taken = backups.take(store, master, at=1.0)
        store.put_session(SessionRecord(name="bob"))

    kept = backups.restore(taken, url, master)

    with Store.open(url, master) as store:
        assert [one.name for one in store.sessions()] == ["alice"]
        assert store.credential("alice") is not None
    with Store.open(kept[0], master) as before:
        assert [one.name for one in before.sessions()] == ["alice", "bob"]
    assert kept[0].stat().st_mode & 0o777 == 0o600


def test_a_backup_of_an_earlier_key_is_put_to_an_empty_server_under_the_present_one(
    places: dict[str, Path | str], master: MasterKey, tmp_path: Path
) -> None:
    backups, present = BackupFolder(tmp_path / "backups"), MasterKey.from_text(MasterKey.generate())
    with Store.open(places["sqlite"], master) as store:
        fill(store)
        taken = backups.take(store, master, at=1.0)
    url = DatabaseUrl.parse(str(places["postgres"]))

    assert backups.restore(taken, url, master, present=present) == ()

    with Store.open(url, present) as store:
        assert store.credential("alice") is not None
        assert len(store.old_masters()) == 1

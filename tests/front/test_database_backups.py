"""The database is copied while it is in use, on time, and put back by choice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden
from telewarden.config import parse_config
from telewarden.errors import RegistryFullError, StorageBusyError, StorageError, UnknownRecordError
from telewarden.service.database_backups import DatabaseBackups, restore_database
from telewarden.service.paths import StoragePaths, master_key_of
from telewarden.storage import MasterKey, Store

pytestmark = pytest.mark.session

DAY = 86_400.0


def idle(tables: dict[str, Any]) -> Warden:
    """A warden that takes no copies by itself."""
    return Warden({**tables, "storage": {**tables["storage"], "backup_every": 0.0}})


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1},
        "storage": {
            "folder": str(tmp_path / "store"),
            "master_key": {"file": str(tmp_path / "master.key"), "create": True},
            "backups_kept": 2,
        },
        "sessions": [{"name": "alice", "phone": "+9996620001"}],
        "console": {"port": 0, "socket": str(tmp_path / "s")},
        "loopback": {},
    }


async def test_a_copy_is_taken_at_start_and_then_when_it_is_time(tables: dict[str, Any]) -> None:
    clock = Hand()
    warden = idle(tables)
    backups = DatabaseBackups(parse_config(tables), warden.operations, wall=clock)
    async with warden:
        taken = []
        for hours in (0, 1, 23, 1, 24):
            clock.now += hours * 3_600.0
            taken.append(await backups.take_if_due() is not None)

    assert taken == [True, False, True, False, True]
    assert len(backups.list()) == 2


async def test_a_running_warden_takes_one_by_itself_and_by_hand(tables: dict[str, Any]) -> None:
    async with Warden(tables) as warden:
        by_hand = await warden.backups.take()

        assert by_hand in warden.backups.list()
        assert by_hand.path.stat().st_mode & 0o777 == 0o600


async def test_a_copy_is_an_operation_while_it_is_taken(tables: dict[str, Any]) -> None:
    async with idle(tables) as warden:
        copy = await warden.backups.take(who="cli")

        (operation,) = warden.operations.list(kind="backup")
        (began,) = await warden.registry.audit(what="begin", who="cli")

    assert (operation.state.value, operation.step, operation.steps) == ("finished", 1, 1)
    assert operation.parts[0].text.startswith(f"{copy.path.name}: {copy.size} bytes")
    assert began.subject == f"operation {operation.id}"


async def test_one_that_fails_is_an_operation_that_failed(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    async with idle(tables) as warden:
        (tmp_path / "store" / "backups").write_text("in the way")
        with pytest.raises(StorageError):
            await warden.backups.take()

        (operation,) = warden.operations.list(kind="backup")

    assert operation.state == "failed"
    assert "backups" in operation.error


async def test_a_copy_is_taken_even_where_no_operation_can_be_begun(
    tables: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with idle({**tables, "registry": {"max_operations": 1}}) as warden:
        with contextlib.suppress(RegistryFullError):  # the session may be quicker, and log in
            await warden.operations.begin("move")

        assert await warden.backups.take() in warden.backups.list()

    assert "operation not noted kind=backup" in caplog.text


async def test_a_copy_is_put_back_while_nothing_runs(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    async with Warden(tables) as warden:
        await warden.session("alice").report()
        snapshot = await warden.backups.take()
        with pytest.raises(StorageBusyError):
            restore_database(tables)
    database = tmp_path / "store" / "telewarden.db"
    database.write_bytes(b"damaged" * 1_000)

    kept = restore_database(tables, snapshot.path)

    assert [path.read_bytes()[:7] for path in kept] == [b"damaged"]
    with Store.open(database, MasterKey.from_file(tmp_path / "master.key")) as store:
        assert store.session("alice") is not None


def test_what_is_not_there_is_named(tables: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnknownRecordError):
        restore_database(tables)
    with pytest.raises(UnknownRecordError):
        restore_database(tables, tmp_path / "nothing.db")


@pytest.mark.crashes(logged="database not backed up")
async def test_a_failure_is_logged_and_the_older_copies_stay(
    tables: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Hand()
    warden = idle(tables)
    backups = DatabaseBackups(parse_config(tables), warden.operations, wall=clock)
    async with warden:
        await backups.take_if_due()
    before = backups.list()
    (tmp_path / "store" / "telewarden.db").rename(tmp_path / "away.db")
    clock.now += 2 * DAY

    assert await backups.take_if_due() is None

    assert backups.list() == before
    assert "not backed up" in caplog.text


async def test_a_stop_waits_for_a_copy_that_is_being_taken(tables: dict[str, Any]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def held() -> float:
        begun.set()
        go_on.wait(10.0)
        return 1_000_000.0

    warden = idle(tables)
    backups = DatabaseBackups(parse_config(tables), warden.operations, wall=held)
    async with warden:
        taking = asyncio.ensure_future(backups.take())
        await asyncio.to_thread(begun.wait, 10.0)

        taking.cancel()
        await asyncio.wait({taking}, timeout=0.1)
        waited = not taking.done()
        go_on.set()
        await asyncio.wait({taking}, timeout=10.0)

    assert waited
    assert taking.cancelled()
    assert restore_database(tables)


async def test_a_copy_of_a_day_to_come_keeps_none_of_today_from_being_taken(
    tables: dict[str, Any],
) -> None:
    clock = Hand()
    warden = idle(tables)
    backups = DatabaseBackups(parse_config(tables), warden.operations, wall=clock)
    async with warden:
        clock.now += 3 * DAY  # one start with a wrong clock
        await backups.take_if_due()
        clock.now -= 3 * DAY
        taken = [await backups.take_if_due() for _ in range(2)]

    assert taken[0] is not None
    assert taken[1] is None  # it counts


async def test_the_copy_just_taken_stays_whatever_the_others_are_called(
    tables: dict[str, Any],
) -> None:
    clock = Hand()
    warden = idle(tables)
    backups = DatabaseBackups(parse_config(tables), warden.operations, wall=clock)
    async with warden:
        for _ in range(6):
            clock.now += DAY
            await backups.take()
        clock.now -= 100 * DAY

        fresh = await backups.take()

    assert fresh in backups.list()


@pytest.mark.parametrize("lost", [False, True], ids=["beside the database", "the database lost"])
async def test_a_copy_from_before_the_master_key_was_changed_is_put_back_under_the_new_one(
    tables: dict[str, Any], tmp_path: Path, *, lost: bool
) -> None:
    tables["storage"]["backups_kept"] = 9
    async with idle(tables) as warden:
        await warden.sessions.register("dave", phone="+12025550123")
        early = await warden.backups.take()
        await warden.sessions.delete("dave")
        await warden.keys.rotate_master()
        await warden.keys.rotate_master()  # which keeps the first key, too
    if lost:
        (tmp_path / "store" / "telewarden.db").write_bytes(b"damaged" * 1_000)

    kept = restore_database(tables, early.path.name)

    assert kept
    async with idle(tables) as warden:
        assert "dave" in warden.sessions
    restored = StoragePaths(parse_config(tables)).database
    with Store.open_reader(restored, master_key_of(parse_config(tables))) as store:
        assert store.old_masters() != []

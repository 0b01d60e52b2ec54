"""``telewarden store copy`` moves a database to a server and back, or says why not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden
from telewarden.errors import BadCommandError, FolderHeldError, WrongMasterKeyError
from telewarden.service.paths import StoragePaths, config_of
from telewarden.standalone.store_copy import copy_store
from telewarden.storage import MasterKey, SessionRecord, Store

from ..postgres_server import PostgresServer
from .conftest import KEY, Shell

pytestmark = pytest.mark.session


def fill(shell: Shell) -> Path:
    place = StoragePaths(config_of(shell.folder / "telewarden.toml")).database
    assert isinstance(place, Path)
    with Store.open(place, MasterKey.from_text(KEY)) as store:
        store.put_session(SessionRecord(name="alice", metadata={"a": "\x00"}))
        store.put_credential("alice", "1" + "A" * 352, 7, 2)
    return place


def other(shell: Shell, name: str, storage: str) -> Path:
    path = shell.folder / name
    text = (shell.folder / "telewarden.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('folder = "store"', storage), encoding="utf-8")
    return path


def test_a_store_goes_to_a_server_and_back(shell: Shell, postgres: PostgresServer) -> None:
    fill(shell)
    there = other(shell, "there.toml", f'folder = "store"\nurl = "{postgres.fresh()}"')
    back = other(shell, "back.toml", 'folder = "back"')

    first = shell("store", "copy", "--to", str(there))
    second = shell("--config", str(there), "store", "copy", "--to", str(back))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "copied, and each is the same" in first.stdout
    with Store.open(shell.folder / "back" / "telewarden.db", MasterKey.from_text(KEY)) as store:
        assert [one.metadata for one in store.sessions()] == [{"a": "\x00"}]
        assert store.credential("alice") is not None


def test_a_store_that_has_sessions_is_not_written_over(
    shell: Shell, postgres: PostgresServer
) -> None:
    fill(shell)
    there = other(shell, "there.toml", f'folder = "store"\nurl = "{postgres.fresh()}"')
    assert shell("store", "copy", "--to", str(there)).returncode == 0

    again = shell("store", "copy", "--to", str(there))
    itself = shell("store", "copy", "--to", str(shell.folder / "telewarden.toml"))

    assert "sessions are in postgresql://" in again.stderr
    assert "both configurations name" in itself.stderr
    assert again.returncode == itself.returncode != 0


def test_another_master_key_copies_nothing(
    shell: Shell, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shell)
    url = postgres.fresh()
    there = other(shell, "there.toml", f'folder = "store"\nurl = "{url}"')
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", MasterKey.generate())

    with pytest.raises(WrongMasterKeyError):
        copy_store(shell.folder / "telewarden.toml", there)

    with pytest.raises(Exception, match="does not exist"):
        Store.open_reader(url)


async def test_a_store_in_use_is_not_copied(tmp_path: Path, postgres: PostgresServer) -> None:
    tables: dict[str, Any] = {
        "telegram": {"api_id": 1},
        "storage": {
            "folder": str(tmp_path / "store"),
            "master_key": {"file": str(tmp_path / "master.key"), "create": True},
        },
        "sessions": [{"name": "alice", "phone": "+9996620001"}],
        "console": {"port": 0, "socket": str(tmp_path / "s")},
        "loopback": {},
    }
    there = {**tables, "storage": {**tables["storage"], "url": postgres.fresh()}}
    async with Warden(tables):
        with pytest.raises(FolderHeldError):
            await asyncio.to_thread(copy_store, tables, there)

    with pytest.raises(BadCommandError):
        copy_store(tables, tables)

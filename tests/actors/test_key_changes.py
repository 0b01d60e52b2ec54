"""Master keys and data keys are changed while sessions work, and whatever interrupts it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden
from telewarden.config import parse_config
from telewarden.errors import (
    DrillError,
    MasterKeyMalformedError,
    MasterKeyMissingError,
    StorageBusyError,
    WrongMasterKeyError,
)
from telewarden.service.paths import StoragePaths, master_key_of
from telewarden.storage import Credential, MasterKey, SessionFiles, SessionRecord, Store
from telewarden.supervision import ChildStarted
from telewarden.telegram import Phase

from ..warm import WarmPython
from .conftest import Newsroom

pytestmark = pytest.mark.session

STRING = "1" + "A" * 352
NAMES = [f"s{number}" for number in range(6)]


async def test_a_new_master_key_takes_over_while_messages_are_forwarded(newsroom: Newsroom) -> None:
    await newsroom.start()
    place = newsroom.folder / "master.key"
    old = MasterKey.from_file(place)
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")

    turned = await newsroom.warden.keys.rotate_master()
    newsroom.say("news_in", "after")
    await newsroom.arrives("news_out", "before", "after")

    assert (turned.resealed, turned.damaged) == (2, ())
    assert place.stat().st_mode & 0o777 == 0o600
    places = StoragePaths(newsroom.config)
    with pytest.raises(WrongMasterKeyError):
        Store.open_reader(places.database, old)
    assert places.backups().newest_usable(MasterKey.from_file(place)) is not None
    await newsroom.stop()
    await newsroom.start(signed_in=False)
    assert await newsroom.settled("alice") is Phase.ONLINE


async def test_a_session_comes_back_from_a_copy_of_the_database_under_an_earlier_master_key(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    places = StoragePaths(newsroom.config)
    old = MasterKey.from_file(newsroom.folder / "master.key")
    with Store.open_reader(places.database, old) as reader:
        kept = places.backups().take(reader, old, at=1.0)
    await newsroom.warden.keys.rotate_master()
    await newsroom.stop()
    for path in kept.path.parent.glob("*.db"):
        if path != kept.path:
            path.unlink()
    (places.session_folder / "alice.twsession").unlink()
    with newsroom.store() as store, store.transaction():
        store.db.execute("update user_sessions set sealed = null where name = 'alice'")
        store.db.execute("delete from session_backups")

    await newsroom.start(signed_in=False)

    assert await newsroom.settled("alice") is Phase.ONLINE


@pytest.mark.crashes("journal", DrillError)
async def test_the_journal_comes_back_after_its_key_was_changed(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.warden.keys.rotate_master()
    since = newsroom.mark()

    await newsroom.warden.drill("journal")
    await newsroom.hears(ChildStarted, since=since, child="journal")
    await newsroom.pairs_ready()
    newsroom.say("news_in", "after")

    await newsroom.arrives("news_out", "after")


async def test_a_new_data_key_seals_everything_anew_while_sessions_work(newsroom: Newsroom) -> None:
    await newsroom.start()

    turned = await newsroom.warden.keys.rotate_data()

    assert (turned.resealed, turned.damaged) == (2, ())
    await newsroom.stop()
    with newsroom.store() as store:
        files = SessionFiles(StoragePaths(newsroom.config).session_folder, store.vault)
        assert len(store.vault.slots) == 1
        assert {name: files.read(name) for name in files.names()} == {
            one.name: one.session_string
            for one in store.credentials()
            if isinstance(one, Credential)
        }


async def test_who_changed_which_key_is_in_the_audit_trail(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    await warden.keys.rotate_master(who="ann")
    await warden.keys.rotate_data(who="bob")
    with pytest.raises(MasterKeyMalformedError):
        await warden.keys.rotate_master("twk1_nonsense", who="bob")

    rows = await warden.registry.audit(subject="keys")
    assert [(row.who, row.what, row.outcome[:8]) for row in rows[::-1]] == [
        ("ann", "rotate master key", "done"),
        ("bob", "rotate data key", "done"),
        ("bob", "rotate master key", "refused:"),
    ]
    assert rows[-1].after == {"damaged": [], "resealed": 2}
    assert "nonsense" not in repr(rows)


async def test_a_key_that_is_kept_elsewhere_must_be_given(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", MasterKey.generate())
    tables["storage"]["master_key"] = {"env": "TELEWARDEN_TEST_KEY"}
    newsroom.reconfigure(tables)
    await newsroom.start()
    with pytest.raises(MasterKeyMissingError):
        await newsroom.warden.keys.rotate_master()
    with pytest.raises(MasterKeyMalformedError):
        await newsroom.warden.keys.rotate_master("twk1_nonsense")
    new = MasterKey.generate()

    await newsroom.warden.keys.rotate_master(new)
    await newsroom.warden.keys.rotate_master(new)  # what is in charge now is the new one
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", new)
    await newsroom.stop()

    await newsroom.start(signed_in=False)
    assert await newsroom.settled("alice") is Phase.ONLINE


async def test_blanks_around_a_new_passphrase_do_not_count(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    (newsroom.folder / "passphrase").write_text("the first passphrase\n")
    tables["storage"]["master_key"] = {"file": "passphrase", "passphrase": True}
    newsroom.reconfigure(tables)
    await newsroom.start()

    await newsroom.warden.keys.rotate_master(" the second passphrase \n")
    with pytest.raises(MasterKeyMalformedError):
        await newsroom.warden.keys.rotate_master("too short          ")
    await newsroom.stop()

    await newsroom.start(signed_in=False)
    assert await newsroom.settled("alice") is Phase.ONLINE


@pytest.mark.crashes("journal", start=WrongMasterKeyError)
async def test_a_wrong_master_key_is_refused_and_nothing_is_touched(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await newsroom.start()
    await newsroom.stop()
    before = contents(newsroom.config.folder)
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", MasterKey.generate())
    tables["storage"]["master_key"] = {"env": "TELEWARDEN_TEST_KEY"}
    newsroom.reconfigure(tables)

    with pytest.raises(WrongMasterKeyError):
        await newsroom.warden.start()

    assert contents(newsroom.config.folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    """What files hold; SQLite makes an empty log and its index even to look."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }
    return {name: content for name, content in found.items() if content}


# One process changes keys for ever and is killed at its n-th touch of a file.
TURNER = """
import asyncio, json, os, signal, sys
from telewarden import Warden

left, armed = int(sys.argv[2]), False
TOUCHES = {"open", "os.rename", "os.remove", "os.chmod", "os.mkdir", "os.fwalk", "fcntl.flock"}

def touch(event, args):
    global left
    if armed and event in TOUCHES:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    global armed
    warden = Warden(json.loads(sys.argv[1]))
    await warden.start()
    armed = True
    while True:
        await warden.keys.rotate_master()
        await warden.keys.rotate_data()

sys.addaudithook(touch)
asyncio.run(main())
"""


@pytest.mark.parametrize("touches", [0, 1, 2, 3, 5, 8, 13, 20, 28, 37, 50, 70])
def test_a_change_of_keys_that_is_killed_loses_nothing(
    tmp_path: Path, warm_python: WarmPython, touches: int
) -> None:
    tables = {
        "telegram": {"api_id": 1},
        "storage": {
            "folder": str(tmp_path / "store"),
            "master_key": {"file": str(tmp_path / "master.key"), "create": True},
            "backup_every": 0.0,
        },
        "console": {"port": 0, "socket": str(tmp_path / "s")},
        "loopback": {},
    }
    config = parse_config(tables)
    places = StoragePaths(config)
    with Store.open(places.database, master_key_of(config)) as store:
        for number, name in enumerate(NAMES):
            store.put_session(SessionRecord(name=name))
            store.put_credential(name, STRING + name, number, 2)
            places.files(store).write(name, STRING + name, key_id=number, dc_id=2)

    killed = warm_python.run(TURNER, json.dumps(tables), touches)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    with Warden(tables):
        pass

    key = master_key_of(config)
    assert not places.turning.exists()
    assert [path.name for path in tmp_path.glob("master.key*")] == ["master.key"]
    with Store.open(places.database, key) as store:
        assert [one.session_string for one in store.credentials()] == [STRING + n for n in NAMES]  # type: ignore[union-attr]
    with Store.open(tmp_path / "elsewhere" / "warden.db", key) as stranger:
        alone = SessionFiles(places.session_folder, stranger.vault)
        assert [alone.read(name) for name in NAMES] == [STRING + name for name in NAMES]


async def test_keys_that_another_process_is_changing_are_left_alone(newsroom: Newsroom) -> None:
    await newsroom.start()
    place = StoragePaths(newsroom.config).turning
    with place.open("w") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        with pytest.raises(StorageBusyError):
            await newsroom.warden.keys.rotate_data()
        with pytest.raises(StorageBusyError):
            await newsroom.warden.keys.rotate_master()

    assert (await newsroom.warden.keys.rotate_data()).resealed == 2


async def test_a_start_waits_for_the_end_of_a_change_that_another_process_is_at(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    places, place = StoragePaths(newsroom.config), newsroom.folder / "master.key"
    beside, text = place.with_name("master.key.new"), MasterKey.generate()
    beside.write_text(text)
    with places.turning.open("w") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        with Store.open(places.database, MasterKey.from_file(place)) as store:
            store.rotate_master(MasterKey.from_text(text), old=MasterKey.from_file(place))
        starting = asyncio.create_task(newsroom.start(signed_in=False))

        def take_over() -> None:  # what the other process does last
            beside.replace(place)
            places.turning.unlink()
            fcntl.flock(marker, fcntl.LOCK_UN)

        asyncio.get_running_loop().call_later(0.2, take_over)
        await starting

    assert await newsroom.settled("alice") is Phase.ONLINE

"""What belongs to another user is not used: he could change it, or read what is put into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.config import Secret
from telewarden.errors import ForeignOwnerError, SecretMissingError
from telewarden.storage import (
    BackupFolder,
    Lease,
    LeaseHolder,
    MasterKey,
    SessionFiles,
    Store,
    Vault,
)

pytestmark = [
    pytest.mark.storage,
    pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user"),
]

STRANGER = 12345


def give(path: Path) -> None:
    os.chown(path, STRANGER, STRANGER)


USES: dict[str, Callable[[Path, MasterKey], object]] = {
    "database": lambda folder, master: Store.open(folder / "warden.db", master),
    "session files": lambda folder, master: SessionFiles(folder, Vault(master)).write(
        "alice", "1" + "A" * 352, key_id=1, dc_id=2
    ),
    "a fresh master key": lambda folder, _: MasterKey.make_file(folder / "master.key"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_another_users_folder_is_refused_and_stays_empty(
    tmp_path: Path, master: MasterKey, use: Callable[[Path, MasterKey], object]
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    give(folder)

    with pytest.raises(ForeignOwnerError) as refused:
        use(folder, master)

    assert str(refused.value) == (
        f"{folder} belongs to user {STRANGER}, and this process is user root (0): run it as the"
        " owner, or give it to who runs it (chown)"
    )
    assert not list(folder.iterdir())


def test_another_users_folder_of_snapshots_is_refused(
    tmp_path: Path, master: MasterKey, store: Store
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    give(folder)

    with pytest.raises(ForeignOwnerError):
        BackupFolder(folder).take(store, master, at=1.0)


@pytest.mark.parametrize("which", ["warden.db", "warden.db-wal"])
def test_another_users_file_in_a_folder_of_ours_is_refused(
    database: Path, master: MasterKey, which: str
) -> None:
    Store.open(database, master).close()
    place = database.with_name(which)
    place.touch()
    give(place)
    content = database.read_bytes()

    with pytest.raises(ForeignOwnerError, match=f"{which} belongs to user {STRANGER}"):
        Store.open(database, master)
    with pytest.raises(ForeignOwnerError):
        Store.open_short_writer(database)

    assert database.read_bytes() == content


def test_another_users_key_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "master.key"
    MasterKey.make_file(place)
    give(place)

    with pytest.raises(ForeignOwnerError, match="belongs to user"):
        MasterKey.from_file(place)


def test_another_users_secret_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "api_hash"
    place.write_text("0123456789abcdef")
    give(place)

    with pytest.raises(SecretMissingError, match=f"api_hash belongs to user {STRANGER}"):
        Secret(file=place).read("telegram.api_hash", base=tmp_path)


def test_another_users_folder_of_leases_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    folder.mkdir()
    give(folder)

    with pytest.raises(ForeignOwnerError):
        Lease(folder).acquire(7, owner=LeaseHolder.current("test"), timeout=0.0)


def test_what_is_roots_may_be_used_by_anybody_who_can(
    unprivileged: Path, master: MasterKey
) -> None:
    folder = unprivileged / "roots"
    os.seteuid(0)
    folder.mkdir()
    os.chmod(folder, 0o777)  # noqa: S103 - as a volume that a group may write
    os.seteuid(65534)

    with Store.open(folder / "warden.db", master) as store:
        assert store.sessions() == []


def test_root_may_look_into_what_is_a_users(database: Path, master: MasterKey) -> None:
    Store.open(database, master).close()
    give(database.parent)
    give(database)

    with Store.open_reader(database, master) as store:
        assert store.sessions() == []

"""Logins of other programs become a session's once they are proven, and are refused before that."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Final

import pytest

from telewarden import Warden
from telewarden.errors import (
    LoginFormatError,
    OtherAccountError,
    OtherServersError,
    TelethonFileInUseError,
)
from telewarden.telegram import LoginFormat, Phase, SessionString, parse_string, read_text

from .conftest import ALICE, PRESS, Newsroom

pytestmark = pytest.mark.actors

GOTD: Final = "gotd.json"
WRITTEN: Final = (
    LoginFormat.PYROGRAM_STRING,
    LoginFormat.GRAMJS_STRING,
    LoginFormat.MTCUTE_STRING,
    LoginFormat.GOTD_JSON,
)


def pyrograms(parts: SessionString, *, user: int, dc_id: int | None = None, test: int = 0) -> str:
    """A string as Pyrogram writes it."""
    packed = struct.pack(">BIB256sQB", dc_id or parts.dc_id, 1, test, parts.key, user, 0)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def gotds(parts: SessionString) -> str:
    """JSON as gotd writes it."""
    data = {
        "DC": parts.dc_id,
        "Addr": f"{parts.host}:{parts.port}",
        "AuthKey": base64.b64encode(parts.key).decode(),
        "AuthKeyID": base64.b64encode(parts.key_id.to_bytes(8, "little")).decode(),
    }
    return json.dumps({"Version": 1, "Data": data})


async def ready(newsroom: Newsroom) -> Warden:
    warden = await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    return warden


async def test_a_string_of_another_library_becomes_the_session(newsroom: Newsroom) -> None:
    warden = await ready(newsroom)
    account = newsroom.account(ALICE)
    parts = parse_string(newsroom.telegram.mint(account))

    taken = await warden.session("alice").import_any(pyrograms(parts, user=account.id))
    await warden.session("alice").wait_online(timeout=30)

    assert taken.format is LoginFormat.PYROGRAM_STRING
    assert taken.key_id == parts.key_id
    assert parse_string(await warden.session("alice").export_string()).key == parts.key
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_a_file_of_another_library_becomes_the_session(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await ready(newsroom)
    parts = parse_string(newsroom.telegram.mint(newsroom.account(ALICE)))
    path = tmp_path / GOTD
    path.write_text(gotds(parts))

    taken = await warden.session("alice").import_any(str(path))
    await warden.session("alice").wait_online(timeout=30)

    assert taken.format is LoginFormat.GOTD_JSON
    assert path.read_text() == gotds(parts)
    path.unlink()  # it holds the key, and nothing of ours may be found with one


async def test_anothers_login_is_refused_by_what_it_says_before_any_packet(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    press = newsroom.account(PRESS)
    parts = parse_string(newsroom.telegram.mint(press))
    connects = newsroom.telegram.stats.connects

    with pytest.raises(OtherAccountError):
        await warden.session("alice").import_any(pyrograms(parts, user=press.id))

    assert newsroom.telegram.stats.connects == connects
    assert (await warden.session("alice").report()).phase is Phase.ONLINE


async def test_a_login_that_says_it_is_another_account_than_it_is_changes_nothing(
    newsroom: Newsroom,
) -> None:
    warden = await ready(newsroom)
    account = newsroom.account(ALICE)
    parts = parse_string(newsroom.telegram.mint(account))

    with pytest.raises(OtherAccountError):
        await warden.session("alice").import_any(pyrograms(parts, user=account.id + 1))

    assert (await warden.session("alice").report()).phase is Phase.NEEDS_LOGIN


async def test_a_login_of_other_servers_is_refused_before_any_packet(newsroom: Newsroom) -> None:
    warden = await ready(newsroom)
    account = newsroom.account(ALICE)
    parts = parse_string(newsroom.telegram.mint(account))
    string = pyrograms(parts, user=account.id, dc_id=4)

    with pytest.raises(OtherServersError, match=r"149\.154\.167\.91.*127\.0\.0\.1"):
        await warden.session("alice").import_any(string)


async def test_what_is_no_login_is_refused_and_noted(newsroom: Newsroom, tmp_path: Path) -> None:
    warden = await ready(newsroom)
    folder = tmp_path / "tdlib"
    folder.mkdir()
    (folder / "td.binlog").write_bytes(b"\x01")

    with pytest.raises(LoginFormatError, match="is TDLib's"):
        await warden.session("alice").import_any(folder)
    with pytest.raises(LoginFormatError, match=r"nowhere\.session is not there"):
        await warden.session("alice").import_any("nowhere.session")

    rows = await warden.registry.audit(subject="alice", what="import")
    assert [row.outcome[:8] for row in rows] == ["refused:", "refused:"]


async def test_a_folder_that_a_program_has_open_is_refused_by_name(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    warden = await ready(newsroom)
    (tmp_path / "tdata").mkdir()
    (tmp_path / "tdata" / "key_datas").write_bytes(b"TDF$")
    with (tmp_path / "tdata" / "key_datas").open("rb"), pytest.raises(TelethonFileInUseError):
        await warden.session("alice").import_any(tmp_path / "tdata")


@pytest.mark.parametrize("login_format", WRITTEN)
async def test_a_login_leaves_as_another_library_has_it(
    newsroom: Newsroom, tmp_path: Path, login_format: LoginFormat
) -> None:
    warden = await newsroom.start()
    alice, path = warden.session("alice"), tmp_path / "left.txt"
    own = parse_string(await alice.export_string())

    found = read_text(await alice.export_string(login_format=login_format))
    await alice.export_file(path, login_format=login_format)

    assert found.format is login_format
    assert (found.stored.parts.key, found.stored.parts.dc_id) == (own.key, own.dc_id)
    assert found.stored.user_id in {None, newsroom.account(ALICE).id}
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_text(path.read_text()) == found
    with pytest.raises(FileExistsError):
        await alice.export_file(path, login_format=login_format)
    path.unlink()  # a secret, and nothing of ours may be found with one

"""Six hundred damaged Telethon files: the right key or a precise refusal, and never a change."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from telethon import types
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession

from telewarden.errors import TelethonFileDamagedError
from telewarden.telegram import FileDamage, SessionString, key_id_of, read_file, rescue_file

pytestmark = [pytest.mark.telegram, pytest.mark.session]

KEY = bytes((7 * at + 3) % 256 for at in range(256))
PARTS = SessionString(dc_id=2, host="149.154.167.51", port=443, key=KEY)
KNOWN = frozenset({key_id_of(KEY)})
PAGE = 4_096


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A session file as Telethon writes it, with a few hundred chats in it."""
    path = tmp_path_factory.mktemp("telethon") / "alice"
    session = SQLiteSession(str(path))
    session.set_dc(2, "149.154.167.51", 443)
    session.auth_key = AuthKey(KEY)
    session.process_entities(
        [
            types.User(id=at, access_hash=at * 99, first_name="B" * 40, username=f"bob{at}")
            for at in range(1, 200)
        ]
    )
    date = dt.datetime.fromtimestamp(1_700_000_000, tz=dt.UTC)
    session.set_update_state(0, types.updates.State(5, 6, date, 7, unread_count=0))
    session.save()
    session.close()
    return path.with_suffix(".session").read_bytes()


def corpus(whole: bytes) -> Iterator[tuple[str, bytes]]:
    boundaries = {0, 1, 15, 16, 18, 20, 28, 60, 99, 100, 108}
    boundaries |= set(range(0, len(whole), 512))
    boundaries |= {size + more for size in range(0, len(whole), PAGE) for more in (-1, 0, 1)}
    for size in sorted(boundaries):
        if 0 <= size < len(whole):
            yield f"cut at {size}", whole[:size]
    for page in range(0, len(whole), PAGE):
        for at in (0, 1, 3, 5, 8, 9, 12, 40, 100, 103, 108, 300, 2_000, 3_900, 4_000, 4_095):
            for bit in (0, 3, 7):
                place = min(page + at, len(whole) - 1)
                turned = bytes([whole[place] ^ 1 << bit])
                yield f"bit {bit} of {place}", whole[:place] + turned + whole[place + 1 :]
        yield f"page {page} zeroed", whole[:page] + bytes(PAGE) + whole[page + PAGE :]
        yield f"page {page} full of 0xff", whole[:page] + b"\xff" * PAGE + whole[page + PAGE :]
    for at in range(whole.find(KEY) - 30, whole.find(KEY) + 290, 2):
        turned = bytes([whole[at] ^ 1 << at % 8])
        yield f"beside or in the key at {at}", whole[:at] + turned + whole[at + 1 :]
    pages = [whole[at : at + PAGE] for at in range(0, len(whole), PAGE)]
    for at in range(1, len(pages) - 1):
        swapped = [*pages[:at], pages[at + 1], pages[at], *pages[at + 2 :]]
        yield f"pages {at} and {at + 1} swapped", b"".join(swapped)
    yield "more at its end", whole + b"\0" * 777


def test_each_of_six_hundred_damages_ends_in_the_right_key_or_a_refusal(
    whole: bytes, tmp_path: Path
) -> None:
    path, rescued, refused, wrong = tmp_path / "alice.session", 0, 0, []
    for name, data in corpus(whole):
        path.write_bytes(data)
        try:
            stored, _ = rescue_file(path, key_ids=KNOWN)
        except TelethonFileDamagedError as error:
            refused += 1
            if error.damage not in set(FileDamage):
                wrong.append(f"{name}: {error}")
            elif KEY in data and PARTS.host.encode() + b"\x01\xbb" + KEY in data:
                wrong.append(f"{name}: the whole row stands there, and was not found: {error}")
        else:
            rescued += 1
            if stored.parts.key != KEY:
                wrong.append(f"{name}: a wrong key")
        if path.read_bytes() != data or list(tmp_path.iterdir()) != [path]:
            wrong.append(f"{name}: something was changed")

    assert wrong == []
    assert rescued + refused >= 600
    assert rescued > 5 * refused


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("header", 199),
        ("tree of chats", 199),
        ("one page of chats", 120),
        ("cut in the middle", 10),
    ],
)
def test_chats_and_states_are_read_from_a_file_that_sqlite_gives_up_on(
    whole: bytes, tmp_path: Path, name: str, least: int
) -> None:
    path = tmp_path / "alice.session"
    path.write_bytes(DAMAGES[name](whole))
    with pytest.raises(TelethonFileDamagedError):
        read_file(path)

    stored, damage = rescue_file(path, key_ids=KNOWN)

    assert damage is not None
    assert len(stored.entities) >= least
    assert {one.id: (one.access_hash, one.username) for one in stored.entities}.items() <= {
        at: (at * 99, f"bob{at}") for at in range(1, 200)
    }.items()
    assert [(one.id, one.pts, one.qts, one.seq) for one in stored.states] in (
        [(0, 5, 6, 7)],
        [] if name == "cut in the middle" else [(0, 5, 6, 7)],
    )


def struck(whole: bytes, place: int, what: bytes) -> bytes:
    return whole[:place] + what + whole[place + len(what) :]


def chats_at(whole: bytes, kind: int) -> int:
    """Where the first page of that kind with or over chats begins."""
    pages = range(PAGE, len(whole), PAGE)
    return next(
        at for at in pages if whole[at] == kind and (kind == 5 or b"bob1" in whole[at : at + PAGE])
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "header": lambda whole: bytes(100) + whole[100:],
    "tree of chats": lambda whole: struck(whole, chats_at(whole, 5), b"\xff" * PAGE),
    "one page of chats": lambda whole: struck(whole, chats_at(whole, 13), b"\xff" * PAGE),
    "cut in the middle": lambda whole: whole[: len(whole) // PAGE * PAGE * 2 // 3],
}


def test_without_a_known_key_a_damaged_file_is_still_read(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "alice.session"
    path.write_bytes(bytes(100) + whole[100:])

    stored, damage = rescue_file(path)

    assert stored.parts == PARTS
    assert damage is not None
    assert damage.damage == FileDamage.NOT_A_DATABASE


def test_a_file_with_another_key_than_those_known_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "alice.session"
    path.write_bytes(whole)

    with pytest.raises(TelethonFileDamagedError) as caught:
        rescue_file(path, key_ids={1})

    assert caught.value.damage == FileDamage.OTHER_KEY


def test_a_hot_journal_is_rolled_back_and_the_key_written_nowhere(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alice.session"
    path.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("pragma cache_size = 1")
        writer.execute("begin immediate")
        writer.execute("update sessions set auth_key = zeroblob(256)")
        writer.execute("update entities set name = hex(randomblob(200))")  # spills to the file
        dead = tmp_path / "dead"
        dead.mkdir()
        for suffix in ("", "-journal"):
            (dead / f"x.session{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
        writer.execute("rollback")
    before = {one.name: one.read_bytes() for one in dead.iterdir()}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # a copy would fail

    stored, _ = rescue_file(dead / "x.session", key_ids=KNOWN)

    assert stored.parts == PARTS
    assert {one.name: one.read_bytes() for one in dead.iterdir()} == before


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket", "huge"])
def test_what_is_no_session_file_at_all_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "alice.session"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "device":
                path.symlink_to("/dev/zero")
            case "folder":
                path.mkdir()
            case "socket":
                listening.bind(os.path.relpath(path))
            case _:
                path.touch()
                os.truncate(path, 1 << 34)

        with pytest.raises(TelethonFileDamagedError):
            rescue_file(path, key_ids={1})

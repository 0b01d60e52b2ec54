"""Whatever happens to the stored copies of a session, it comes back, or says precisely why not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telewarden.errors import DrillError
from telewarden.telegram import CopyRepaired, Phase, PhaseChanged, RecoveryTried, SessionRecovered

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session, pytest.mark.timeout(180)]

SESSION = "sessions/session:alice/session"
FIELDS = (0, 1, 8, 10, 12, 20, 22, 54, 62, 63, 79, 87, 147, 151, 152, 160, 172, 188, 300)


@dataclass
class Ward:
    """Alice's stored copies, within reach of damage while her warden runs."""

    newsroom: Newsroom

    @property
    def file(self) -> Path:
        return self.newsroom.config.folder / "sessions" / "alice.twsession"

    @property
    def sealed(self) -> bytes:
        return bytes(self.query("select sealed from user_sessions where name = 'alice'")[0][0])

    @sealed.setter
    def sealed(self, value: bytes) -> None:
        self.query("update user_sessions set sealed = ? where name = 'alice'", value)

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        path = self.newsroom.config.folder / "telewarden.db"
        with contextlib.closing(sqlite3.connect(path, timeout=10.0)) as database, database:
            return database.execute(statement, values).fetchall()  # type: ignore[no-any-return]

    def key_in_use(self) -> int:
        (client,) = [
            one
            for one in self.newsroom.telegram.connections(self.newsroom.account(ALICE))
            if one.authorization is not None
        ]
        assert client.authorization is not None
        return client.authorization.key_id


Damage = Callable[[Ward], None]


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8 % len(data)
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def to_file(change: Callable[[bytes], bytes]) -> Damage:
    return lambda ward: void(ward.file.write_bytes(change(ward.file.read_bytes())))


def to_row(change: Callable[[bytes], bytes]) -> Damage:
    def damage(ward: Ward) -> None:
        ward.sealed = change(ward.sealed)

    return damage


def void(_: object) -> None:
    return None


def and_also(*damages: Damage) -> Damage:
    def damage(ward: Ward) -> None:
        for one in damages:
            one(ward)

    return damage


def to_beside(column: str, value: object) -> Damage:
    return lambda ward: void(
        ward.query(f"update user_sessions set {column} = ? where name = 'alice'", value)  # noqa: S608 - a column of ours
    )


def file_replaced(ward: Ward) -> None:
    ward.file.write_bytes((ward.file.parent / "bob.twsession").read_bytes())


def file_is_a_folder(ward: Ward) -> None:
    ward.file.unlink()
    ward.file.mkdir()


def file_is_a_pipe(ward: Ward) -> None:
    ward.file.unlink()
    os.mkfifo(ward.file)


def row_swapped(ward: Ward) -> None:
    other = ward.query("select sealed from user_sessions where name = 'bob'")[0][0]
    ward.query("update user_sessions set sealed = ? where name = 'alice'", other)


GONE = to_row(lambda _: b"")
NO_FILE: Damage = lambda ward: ward.file.unlink()  # noqa: E731 - one of a table


def damages() -> Iterator[tuple[str, Damage]]:
    """Over a hundred ways; the rung that brings the session back is not the test's business."""
    for size in FIELDS:
        yield f"file cut at {size}", to_file(lambda data, size=size: data[:size])  # type: ignore[misc]  # bound now
        yield f"row cut at {size}", to_row(lambda data, size=size: data[:size])  # type: ignore[misc]  # the same
    for bit in range(0, 4_000, 171):
        turn = lambda data, bit=bit: flipped(data, bit)  # noqa: E731 - bound now
        yield f"bit {bit} of the file", and_also(to_file(turn), GONE)
        yield f"bit {bit} of the row", and_also(to_row(turn), NO_FILE)
        yield f"bit {bit} of both", and_also(to_file(turn), to_row(turn))
    for name, content in {
        "empty": b"",
        "zeroed": bytes(540),
        "text": b"hello" * 100,
        "huge": b"x" * 100_000,
        "an SQLite file": b"SQLite format 3\0" + bytes(4_080),
    }.items():
        yield f"file {name}", to_file(lambda _, content=content: content)  # type: ignore[misc]  # the same
        yield f"row {name}", to_row(lambda _, content=content: content)  # type: ignore[misc]  # the same
        yield (
            f"both {name}",
            and_also(
                to_file(lambda _, content=content: content),  # type: ignore[misc]  # the same
                to_row(lambda _, content=content: content),  # type: ignore[misc]  # the same
            ),
        )
    yield "file with more at its end", and_also(to_file(lambda data: data + b"\0" * 99), GONE)
    yield "header lost", and_also(to_file(lambda data: bytes(151) + data[151:]), GONE)
    yield "file of another session", and_also(file_replaced, GONE)
    yield "file missing", NO_FILE
    yield "both missing", and_also(NO_FILE, GONE)
    yield "file is a folder", and_also(file_is_a_folder, GONE)
    yield "file is a pipe", and_also(file_is_a_pipe, GONE)
    yield "row of another session", row_swapped
    yield "row of another session, no file", and_also(row_swapped, NO_FILE)
    yield "digest", and_also(to_beside("digest", "0" * 64), NO_FILE)
    yield "key id", and_also(to_beside("key_id", 77), NO_FILE)
    yield "data centre", and_also(to_beside("dc_id", 5), NO_FILE)


async def test_a_session_comes_back_from_every_damage_with_its_own_key(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["telegram"]["connects_per_second"] = 1_000.0
    tables["recovery"] = {"backoff_initial": 0.001, "backoff_max": 0.01}
    newsroom.reconfigure(tables)
    await newsroom.start()
    ward = Ward(newsroom)
    key, rungs, wrong = ward.key_in_use(), set(), []

    for name, damage in damages():
        since = newsroom.mark()
        before = len(list((ward.file.parent / "quarantine").glob("*")))
        damage(ward)
        broken = ward.file.is_file() and ward.file.read_bytes()
        newsroom.telegram.cut(newsroom.account(ALICE))
        back = await newsroom.hears(SessionRecovered, since=since, session="alice")
        rungs.add(back.rung)
        kept = list((ward.file.parent / "quarantine").glob("*"))
        mended = [e for e in newsroom.heard[since:] if isinstance(e, CopyRepaired)]
        if ward.key_in_use() != key:
            wrong.append(f"{name}: another key")
        if (
            len(kept) > before
            and broken
            and broken not in [p.read_bytes() for p in kept if p.is_file()]
        ):
            wrong.append(f"{name}: the damaged file was not kept")
        if not mended:
            wrong.append(f"{name}: nothing was mended")

    assert wrong == []
    assert rungs == {"string", "file", "repair"}
    assert newsroom.telegram.stats.calls["auth.sendCode"] == 0


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_what_no_copy_holds_any_more_is_said_and_nothing_is_tried(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    ward = Ward(newsroom)
    and_also(NO_FILE, GONE)(ward)
    ward.query("delete from session_backups where name = 'alice'")
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()

    await warden.drill(SESSION)
    held = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)

    assert held.reason
    assert newsroom.telegram.stats.connects == connects


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_long_search_in_a_damaged_file_keeps_nobody_else_waiting(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    ward = Ward(newsroom)
    and_also(NO_FILE, GONE)(ward)
    ward.query("delete from session_backups where name = 'alice'")
    many_addresses = b"1" * (4 << 20)  # as far as the search can tell
    (ward.file.parent / "alice.session").write_bytes(many_addresses)
    since = newsroom.mark()

    await warden.drill(SESSION)
    await newsroom.hears(RecoveryTried, since=since, session="alice", rung="string")
    kept = [await warden.session("bob").backup() for _ in range(3)]

    assert None not in kept
    assert (await warden.session("alice").report()).phase is Phase.RECOVERING  # it still searches
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)


async def test_a_lost_database_brings_its_sessions_back_from_their_files(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    for path in newsroom.config.folder.glob("telewarden.db*"):
        path.rename(newsroom.folder / path.name)
    since = newsroom.mark()

    await newsroom.start(signed_in=False)
    back = [
        await newsroom.hears(SessionRecovered, since=since, session=name)
        for name in ("alice", "bob")
    ]

    assert {one.rung for one in back} == {"file"}


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_the_key_of_a_backup_with_a_turned_bit_is_found(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    ward = Ward(newsroom)
    and_also(NO_FILE, GONE)(ward)
    (sealed,) = ward.query("select max(id), sealed from session_backups where name = 'alice'")
    ward.query("delete from session_backups where name = 'alice' and id <> ?", sealed[0])
    ward.query("update session_backups set sealed = ?", flipped(bytes(sealed[1]), 1_234))  # type: ignore[call-overload]  # a blob
    since = newsroom.mark()

    await warden.drill(SESSION)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    tried = await newsroom.hears(RecoveryTried, since=since, session="alice", rung="repair")

    assert tried.origin.startswith("backup")

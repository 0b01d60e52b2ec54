"""Pairs at the command line, said to a warden that forwards messages meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from telewarden.cli import app
from telewarden.config import ConsoleConfig
from telewarden.errors import BadCommandError, CommandFailedError
from telewarden.loopback import Fault, FloodWait, LoopbackTelegram, RpcError
from telewarden.telegram import (
    DeadLettered,
    FloodBegan,
    PairPaused,
    PairResumed,
    Probed,
    SessionRecovered,
)
from tests.actors.conftest import BOB, TABLES, Newsroom
from tests.actors.test_places import stranger

pytestmark = [pytest.mark.console, pytest.mark.session]

CONFIG = """\
[telegram]
api_id = 1
[storage]
folder = "store"
master_key = {{ file = "master.key" }}
[console]
port = 0
socket = "{socket}"
[loopback]
"""


class Line:
    """A newsroom whose warden listens, and the command line beside it."""

    def __init__(self, room: Newsroom, folder: Path) -> None:
        self.room, self._config = room, folder / "telewarden.toml"
        socket = os.path.relpath("/tmp", folder) + f"/tw-pairs-{os.getpid()}-{folder.name[-6:]}"
        self._config.write_text(CONFIG.format(socket=socket), encoding="utf-8")
        console = ConsoleConfig(port=0, socket=Path(socket))
        room.config = room.config.model_copy(update={"console": console})
        room.warden = room._new_warden()

    async def __call__(self, *words: str) -> Result:
        """``telewarden WORDS`` with the configuration in the place of ``CONFIG``."""
        said = [str(self._config) if word == "CONFIG" else word for word in words]
        return await asyncio.to_thread(CliRunner().invoke, app, said)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with LoopbackTelegram() as telegram:
        room = Newsroom(telegram, tmp_path, TABLES)
        bob = room.account(BOB)
        room.chats["news_in"].join(bob)
        room.chats["news_out"].join(bob)
        room.chats["news_out"].set_rights(bob, admin=True)
        made = Line(room, tmp_path)
        await room.start()
        await room.hears(SessionRecovered, session="bob")
        yield made
        await room.warden.stop()


async def test_a_move_is_followed_step_by_step_to_its_end(line: Line) -> None:
    line.room.say("news_in", *(f"news {number}" for number in range(20)))

    planned = await line("reassign", "CONFIG", "1", "bob", "--dry-run")
    moved = await line("reassign", "CONFIG", "1", "bob")
    line.room.say("news_in", "more")

    assert (planned.exit_code, planned.stdout) == (0, "would move: pair 1 from alice to bob\n")
    assert (moved.exit_code, moved.stdout) == (0, "moved: 1 pair\n")
    assert "3/3" in moved.stderr
    await line.room.arrives("news_out", *(f"news {number}" for number in range(20)), "more")
    (operation,) = line.room.warden.operations.list(kind="reassign")
    assert (operation.session, operation.who, operation.step) == ("bob", "command line", 3)


async def test_a_refused_move_is_an_error_that_says_every_reason(line: Line) -> None:
    line.room.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )
    line.room.say("news_in", "news")
    await line.room.hears(FloodBegan, session="alice")

    told = await line("reassign", "CONFIG", "all_from:alice", "bob")
    unknown = await line("reassign", "CONFIG", "1", "alise", "--dry-run")
    nobodys = await line("reassign", "CONFIG", "all_from:bop", "alice")

    for refused, why in (
        (told, "not moved around a flood"),
        (unknown, "there is no session 'alise'; did you mean alice?"),
        (nobodys, "there is no session 'bop'; did you mean bob?"),
    ):
        assert isinstance(refused.exception, CommandFailedError)
        assert refused.exception.kind == "PairsNotMovedError"
        assert why in str(refused.exception)


async def test_pairs_are_added_changed_listed_and_removed(line: Line) -> None:
    way = ("source=@news_in", "target=@news_out", "mode=copy")

    added = await line("pairs", "add", "CONFIG", *way, "--session", "bob", "--json")
    changed = await line("pairs", "change", "CONFIG", "3", "footer=via us", "edits=false")
    listed = await line("pairs", "list", "CONFIG", "--session", "bob")
    plan = await line.room.warden.pairs.get(3)
    unasked = await line("pairs", "remove", "CONFIG", "3")
    removed = await line("pairs", "remove", "CONFIG", "--yes", "3")

    assert json.loads(added.stdout)["id"] == 3
    assert (changed.exit_code, plan.rules, plan.edits) == (0, {"footer": "via us"}, False)
    assert "3     bob      @news_in -> @news_out      copy\n" in listed.stdout
    assert "Nobody can be asked here; give --yes" in str(unasked.exception)
    assert (removed.exit_code, removed.stdout) == (0, "pair 3 removed\n")
    for words in (("change", "CONFIG", "1", "source=@else"), ("remove", "CONFIG", "99", "-y")):
        wrong = await line("pairs", *words)
        assert isinstance(wrong.exception, CommandFailedError)


async def test_dead_letters_are_shown_sent_again_and_dropped(line: Line) -> None:
    line.room.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=2, action=RpcError("MESSAGE_ID_INVALID"))
    )
    for number, text in enumerate(("one", "two"), start=1):
        line.room.say("news_in", text)
        await line.room.hears(DeadLettered, source_id=number)

    shown = await line("pairs", "dead", "CONFIG")
    narrow = [
        json.loads((await line("pairs", "dead", "CONFIG", *words, "--json")).stdout)
        for words in (
            ("--session", "bob"),
            ("--find", "message_id"),
            ("--find", "flood"),
            ("--limit", "1", "--offset", "1"),
        )
    ]
    page = await line("pairs", "dead", "CONFIG", "--limit", "1")
    again = await line("pairs", "retry", "CONFIG", "1", "1")
    await line.room.arrives("news_out", "one")
    dropped = await line("pairs", "drop", "CONFIG", "--yes", "1", "--json")
    left = await line("pairs", "dead", "CONFIG", "--pair", "1", "--json")

    assert "1     1        0 s  1      MESSAGE_ID_INVALID" in shown.stdout
    assert "1 on their way again" in again.stdout
    assert json.loads(dropped.stdout) == {"pair": 1, "dropped": 1}
    assert json.loads(left.stdout) == {"dead": [], "total": 0}
    found = [([one["source_id"] for one in told["dead"]], told["total"]) for told in narrow]
    assert found == [([], 0), ([1, 2], 2), ([], 0), ([2], 2)]
    assert "1 of 2\n" in page.stdout


async def test_a_pair_is_paused_resumed_and_reads_its_past(line: Line) -> None:
    paused = await line("pairs", "pause", "CONFIG", "1", "--reason", "holidays")
    line.room.say("news_in", "one")
    resumed = await line("pairs", "resume", "CONFIG", "1")
    await line.room.arrives("news_out", "one")
    past = await line("pairs", "backfill", "CONFIG", "2", "--since", "2020-01-31")
    wrong = await line("pairs", "backfill", "CONFIG", "2", "--since", "soon")

    assert "paused by hand: holidays" in paused.stdout
    assert (resumed.exit_code, past.exit_code) == (0, 0)
    assert isinstance(wrong.exception, BadCommandError)
    assert "a date" in str(wrong.exception)


async def test_a_pause_for_a_time_ends_by_itself_also_after_a_restart(line: Line) -> None:
    room = line.room
    since = room.mark()
    await line("pairs", "pause", "CONFIG", "1", "--for", "1s")
    paused = await line("pairs", "pause", "CONFIG", "2", "--for", "3s")
    why = await line("pairs", "why", "CONFIG", "2")
    room.say("news_in", "one")
    await room.hears(PairResumed, since=since, pair=1)
    await room.arrives("news_out", "one")

    await room.stop()
    await room.warden.start()
    room.say("market_in", "two")
    await room.arrives("market_out", "two")

    assert re.search(r"paused by hand, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", paused.stdout)
    assert "it is paused: paused by hand, until" in why.stdout
    for wrong in ("soon", "-5"):
        refused = await line("pairs", "pause", "CONFIG", "1", "--for", wrong)
        assert "90s, 5min, 2h or 1d" in str(refused.exception)


async def test_the_chats_of_an_account_can_be_picked_from(line: Line) -> None:
    listed = json.loads((await line("chats", "CONFIG", "alice", "--json")).stdout)["chats"]
    found = await line("chats", "CONFIG", "alice", "--find", "news_in")

    home = line.room.chats["news_in"]
    assert {"news_in", "news_out"} <= {one["username"] for one in listed}
    assert f"{home.peer_id}  @news_in" in found.stdout
    assert "news_out" not in found.stdout


async def test_a_pair_is_confirmed_to_mean_the_chats_it_has(line: Line) -> None:
    room = line.room
    room.say("news_in", "one")
    await room.arrives("news_out", "one")
    early = await line("pairs", "confirm", "CONFIG", "1")
    room.chats["news_in"].rename("other_name")
    room.telegram.post(stranger(room, "news_in"), "a stranger's words")
    await room.stop()
    await room.start(signed_in=False)
    await room.hears(PairPaused, pair=1)

    kept = await line("pairs", "confirm", "CONFIG", "1")
    room.say("news_in", "two")
    await room.arrives("news_out", "one", "two")

    source, target = room.chats["news_in"].peer_id, room.chats["news_out"].peer_id
    assert "one that is paused for NAME_MOVED" in str(early.exception)
    assert f"pair 1 goes on: {source} -> {target}" in kept.stdout


async def test_a_wanted_ring_is_added_with_its_option_and_another_one_refused(line: Line) -> None:
    room = line.room
    pair = ("source=@news_out", "target=@news_in", "--session", "bob")

    refused = await line("pairs", "add", "CONFIG", *pair, "--ring")
    changed = await line("pairs", "change", "CONFIG", "1", "ring=true")
    added = await line("pairs", "add", "CONFIG", *pair, "--ring")

    assert refused.exit_code
    assert "pairs 1 and 3 make a ring, @news_in -> @news_out" in str(refused.exception)
    assert changed.exit_code == added.exit_code == 0
    assert (await room.warden.pairs.get(3)).ring


async def test_recover_takes_one_session_or_all(line: Line) -> None:
    since = line.room.mark()

    said = await line("recover", "CONFIG", "--all")
    neither, both = await line("recover", "CONFIG"), await line("recover", "CONFIG", "bob", "--all")

    assert said.output.startswith("all 2 sessions: asked to recover")
    for name in ("alice", "bob"):
        await line.room.hears(Probed, since=since, session=name)
    for refused in (neither, both):
        assert "name one session, or give --all" in str(refused.exception)


async def test_a_pair_is_added_by_a_link_and_one_whose_chat_is_not_there_is_not(line: Line) -> None:
    line.room.telegram.add_channel("More", owner=line.room.account(BOB), username="more_out")
    way = ("pairs", "add", "CONFIG", "--session", "bob", "target=https://t.me/more_out/1")

    refused = await line(*way, "source=@nobody_here")
    added = await line(*way, "source=https://t.me/news_in/5")

    assert isinstance(refused.exception, CommandFailedError)
    assert "source @nobody_here was not found by session bob" in str(refused.exception)
    assert (added.exit_code, added.stdout) == (0, "pair 3 added, served by bob\n")

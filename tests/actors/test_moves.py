"""Pairs change hands while messages flow: all or none, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.actors import chosen
from telewarden.errors import PairsNotMovedError
from telewarden.loopback import Fault, FloodWait
from telewarden.telegram import FloodBegan

from .conftest import BOB, LOOK_EVERY, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

KNOWN = {1: "alice", 2: "alice", 3: "bob", 7: "bob", 10: "carol"}


@pytest.mark.parametrize(
    ("selection", "pairs"),
    [
        ("1,2,3", (1, 2, 3)),
        ("3, 1", (1, 3)),
        ("1-10", (1, 2, 3, 7, 10)),
        ("1-2,10", (1, 2, 10)),
        ("all_from:bob", (3, 7)),
    ],
)
def test_a_selection_means_these_pairs(selection: str, pairs: tuple[int, ...]) -> None:
    assert chosen(selection, KNOWN) == pairs


@pytest.mark.parametrize("selection", ["", "4", "x", "1-", "all_from:dora", "4-6"])
def test_a_selection_that_means_nothing_is_refused(selection: str) -> None:
    with pytest.raises(ValueError, match=r"pair|selects"):
        chosen(selection, KNOWN)


def let_bob_in(newsroom: Newsroom) -> None:
    bob = newsroom.account(BOB)
    newsroom.chats["news_in"].join(bob)
    newsroom.chats["news_out"].join(bob)
    newsroom.chats["news_out"].set_rights(bob, admin=True)


async def serving(newsroom: Newsroom) -> dict[int, str]:
    overview = await newsroom.warden.overview()
    return {pair.id: group.session for group in overview.groups for pair in group.pairs}


async def test_a_pair_moves_while_messages_flow_and_stays_moved_after_a_restart(
    newsroom: Newsroom,
) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    said = [f"news {n}" for n in range(60)]
    newsroom.say("news_in", *said[:20])

    moving = asyncio.ensure_future(warden.pairs.reassign("1", "bob", who="test"))
    for text in said[20:40]:
        newsroom.say("news_in", text)
        await asyncio.sleep(LOOK_EVERY)
    move = await moving
    newsroom.say("news_in", *said[40:50])
    await newsroom.arrives("news_out", *said[:50])
    await newsroom.stop()
    newsroom.say("news_in", *said[50:])
    await newsroom.start()
    await newsroom.arrives("news_out", *said)

    assert move.pairs == {1: "alice"}
    assert await serving(newsroom) == {1: "bob", 2: "bob"}
    authors = [message.author for message in newsroom.chats["news_out"].messages]
    assert authors[-1] is newsroom.account(BOB)
    await newsroom.stop()
    with newsroom.store() as store:
        (row,) = [one for one in store.audit_rows() if one.what == "reassign"]
    assert (row.who, row.subject, row.after) == ("test", "bob", {"session": "bob"})


async def test_a_pair_that_moves_back_is_where_the_configuration_has_it(newsroom: Newsroom) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()

    await warden.pairs.reassign("1", "bob")
    await newsroom.pairs_ready()
    await warden.pairs.reassign("1", "alice")
    await newsroom.pairs_ready()
    newsroom.say("news_in", "news")

    await newsroom.arrives("news_out", "news")
    assert await serving(newsroom) == {1: "alice", 2: "bob"}
    await newsroom.stop()
    with newsroom.store() as store:
        assert store.plans() == []


async def test_a_dry_run_says_what_would_move_and_moves_nothing(newsroom: Newsroom) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()

    move = await warden.pairs.reassign("all_from:alice", "bob", dry_run=True)

    assert move.pairs == {1: "alice"}
    assert await serving(newsroom) == {1: "alice", 2: "bob"}


async def test_a_session_that_is_not_in_the_chats_gets_no_pair(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    with pytest.raises(PairsNotMovedError) as refused:
        await warden.pairs.reassign("1", "bob")

    assert any("pair 1: bob is not in its source" in one for one in refused.value.reasons)
    assert await serving(newsroom) == {1: "alice", 2: "bob"}


async def test_pairs_are_never_moved_around_a_flood(newsroom: Newsroom) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )
    newsroom.say("news_in", "news")
    await newsroom.hears(FloodBegan, session="alice")

    with pytest.raises(PairsNotMovedError, match="not moved around a flood"):
        await warden.pairs.reassign("1", "bob")


async def test_a_session_takes_no_more_pairs_than_it_may(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    let_bob_in(newsroom)
    tables["sessions"][1]["max_pairs"] = 1
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    with pytest.raises(PairsNotMovedError, match="has 1 pairs and takes 1"):
        await warden.pairs.reassign("1", "bob")

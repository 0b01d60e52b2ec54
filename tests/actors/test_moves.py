"""Pairs change hands while messages flow: all or none, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden import Warden
from telewarden.actors import chosen
from telewarden.errors import (
    PairInDoubtError,
    PairsNotMovedError,
    TelegramSessionError,
    UnknownSessionError,
)
from telewarden.loopback import ChatHandle, CutConnection, Fault, FloodWait, RpcError
from telewarden.telegram import FloodBegan, Health, PairPaused, Phase, PhaseChanged

from .conftest import ALICE, BOB, LOOK_EVERY, PRESS, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

SESSIONS = ("alice", "bob", "carol", "dora")
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
    assert chosen(selection, KNOWN, SESSIONS) == pairs


@pytest.mark.parametrize("selection", ["", "4", "x", "1-", "all_from:dora", "4-6"])
def test_a_selection_that_means_nothing_is_refused(selection: str) -> None:
    with pytest.raises(ValueError, match=r"pair|selects"):
        chosen(selection, KNOWN, SESSIONS)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("5-2", "5-2 is backwards; give 2-5"),
        ("all_from:dora", "'dora' has no pairs; there are pairs of: alice, bob, carol"),
    ],
)
def test_a_selection_that_means_nothing_is_told_what_would_mean_something(
    selection: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        chosen(selection, KNOWN, SESSIONS)


def test_a_selection_of_an_unknown_session_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownSessionError, match=r"no session 'alise'; did you mean alice\?"):
        chosen("all_from:alise", KNOWN, SESSIONS)


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

    with pytest.raises(PairsNotMovedError, match="has 1 pair and takes 1"):
        await warden.pairs.reassign("1", "bob")


async def dead_with_a_message_parked(newsroom: Newsroom) -> Warden:
    """A warden whose alice is logged out for good, while a message of her pair's is parked."""
    let_bob_in(newsroom)
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )
    newsroom.say("news_in", "parked")
    await newsroom.hears(FloodBegan, session="alice")
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.stop()
    newsroom.telegram.faults.clear()
    warden = await newsroom.start(signed_in=False)
    async with asyncio.timeout(SOON):
        while 1 not in await newsroom.pairs():
            await asyncio.sleep(LOOK_EVERY)
        while (await warden.session("bob").report()).health is not Health.HEALTHY:
            await asyncio.sleep(LOOK_EVERY)
    return warden


async def test_what_cannot_be_known_of_a_dead_account_is_told_and_may_be_accepted(
    newsroom: Newsroom,
) -> None:
    warden = await dead_with_a_message_parked(newsroom)

    reasons = []
    for dry_run in (True, False):
        with pytest.raises(PairsNotMovedError) as refused:
            await warden.pairs.reassign("1", "bob", dry_run=dry_run)
        reasons.append(refused.value.reasons)
    dry = await warden.pairs.reassign("1", "bob", dry_run=True, accept_doubt=True)
    await warden.pairs.reassign("1", "bob", accept_doubt=True)

    assert reasons[0] == reasons[1]
    assert "pair 1: 1 message may have arrived unseen" in reasons[0][0]
    assert "--accept-doubt" in reasons[0][0]
    assert dry.pairs == {1: "alice"}
    newsroom.say("news_in", "after")
    await newsroom.arrives("news_out", "parked", "after")


async def test_what_had_arrived_by_a_dead_account_is_found_by_the_one_that_takes_over(
    newsroom: Newsroom,
) -> None:
    let_bob_in(newsroom)
    await newsroom.start()
    newsroom.say("news_in", "one", "two", "three")
    await newsroom.arrives("news_out", "one", "two", "three")
    newsroom.telegram.revoke(newsroom.account(ALICE))
    await newsroom.hears(PhaseChanged, session="alice", after=Phase.NEEDS_LOGIN)
    await newsroom.stop()
    newsroom.lose_answers("source_id > 1 and pair_id = 1")
    newsroom.say("news_in", "said since")
    warden = await newsroom.start(signed_in=False)
    async with asyncio.timeout(SOON):
        while 1 not in await newsroom.pairs():
            await asyncio.sleep(LOOK_EVERY)
        while (await warden.session("bob").report()).health is not Health.HEALTHY:
            await asyncio.sleep(LOOK_EVERY)

    await warden.pairs.reassign("1", "bob", accept_doubt=True)
    newsroom.say("news_in", "after")

    await newsroom.arrives("news_out", "one", "two", "three", "said since", "after")


async def test_a_pair_that_is_let_go_still_finds_out_what_has_arrived(newsroom: Newsroom) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    lost, refused = (
        newsroom.telegram.faults.add(
            Fault(
                method="messages.forwardMessages",
                times=1,
                action=RpcError("RPC_CALL_FAIL", 500, executed=executed),
            )
        )
        for executed in (True, False)
    )
    newsroom.say("news_in", "one")
    await newsroom.until(lambda: lost.struck == 1)

    await warden.pairs.reassign("1", "bob")

    newsroom.say("news_in", "two")
    await newsroom.arrives("news_out", "one", "two")
    assert refused.struck == 1


async def test_a_pair_of_a_dead_account_can_be_removed_and_is_not_waited_for(
    newsroom: Newsroom,
) -> None:
    warden = await dead_with_a_message_parked(newsroom)
    assert await newsroom.settled("alice") is Phase.NEEDS_LOGIN

    with pytest.raises(PairInDoubtError, match="accept_doubt=True"):
        async with asyncio.timeout(8):  # one that may come to rest gets ten seconds
            await warden.pairs.remove(1)
    await warden.pairs.remove(1, accept_doubt=True)

    assert [one.id for one in await warden.pairs.list()] == [2]


async def test_a_pair_that_moves_leaves_the_pause_of_its_account_behind(
    newsroom: Newsroom,
) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    newsroom.chats["news_out"].kick(newsroom.account(ALICE))
    newsroom.say("news_in", "news")
    await newsroom.hears(PairPaused, session="alice", pair=1)

    await warden.pairs.reassign("1", "bob")

    await newsroom.arrives("news_out", "news")
    assert (await newsroom.pairs())[1].paused is None


async def test_a_move_that_loses_its_line_while_it_looks_is_refused_with_an_error_of_ours(
    newsroom: Newsroom,
) -> None:
    let_bob_in(newsroom)
    warden = await newsroom.start()
    bob = newsroom.account(BOB)
    look = "channels.getChannels"  # what others of its requests meet is no part of this
    newsroom.telegram.faults.add(Fault(method=look, action=CutConnection(), account=bob, times=1))

    with pytest.raises(TelegramSessionError):
        await warden.pairs.reassign("1", "bob")


# Basic groups: each account has numbers of its own there


def few(newsroom: Newsroom) -> ChatHandle:
    """A basic group; bob has seen more messages in his life than alice."""
    press, alice, bob = (newsroom.account(phone) for phone in (PRESS, ALICE, BOB))
    for number in range(20):
        newsroom.telegram.post(bob, f"to bob {number}", author=press)
    return newsroom.telegram.add_group("Few", owner=press, members=[alice, bob])


async def test_a_pair_of_a_basic_group_is_not_moved(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    let_bob_in(newsroom)
    group = few(newsroom)
    tables["pairs"][0] |= {"source": group.peer_id}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    with pytest.raises(PairsNotMovedError, match="each account has numbers of its own"):
        await warden.pairs.reassign("1", "bob")

    newsroom.telegram.post(group, "news")
    await newsroom.arrives("news_out", "news")


async def test_a_pair_of_a_basic_group_with_another_session_in_the_configuration_begins_anew(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    let_bob_in(newsroom)
    group = few(newsroom)
    tables["pairs"][0] |= {"source": group.peer_id}
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.telegram.post(group, "one")
    newsroom.telegram.post(group, "two")
    await newsroom.arrives("news_out", "one", "two")
    await newsroom.stop()
    tables["pairs"][0] |= {"session": "bob"}
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.telegram.post(group, "three")

    await newsroom.arrives("news_out", "one", "two", "three")
    assert await serving(newsroom) == {1: "bob", 2: "bob"}

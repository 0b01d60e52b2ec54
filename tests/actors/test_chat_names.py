"""Pairs by any name that people have for a chat: links, invitations, numbers, the account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.config import parse_config
from telewarden.errors import ChatNotFoundError, ConfigError, PairFaultError, PairsNotMovedError
from telewarden.loopback import ChatHandle
from telewarden.telegram import PairPaused, PairResumed

from .conftest import ALICE, BOB, LOOK_EVERY, PRESS, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def one_pair(
    newsroom: Newsroom, tables: dict[str, Any], source: Any, target: Any, **more: Any
) -> None:
    """Alice's session alone, with one pair that copies."""
    tables["sessions"] = tables["sessions"][:1]
    pair = {"id": 1, "session": "alice", "source": source, "target": target, "mode": "copy"}
    tables["pairs"] = [pair | more]
    tables["health"] = {"recheck_initial": 0.2, "recheck_max": 0.2}
    newsroom.reconfigure(tables)


def private_room(newsroom: Newsroom) -> ChatHandle:
    """A channel of the press's without a public name, in which nobody else is."""
    room = newsroom.telegram.add_channel("Back room", owner=newsroom.account(PRESS))
    newsroom.chats["room"] = room
    return room


async def forwards(newsroom: Newsroom, pair: int = 1) -> None:
    """Wait until a pair is ready for what is said from now on."""
    async with asyncio.timeout(SOON):
        while not (await newsroom.pairs())[pair].ready:
            await asyncio.sleep(LOOK_EVERY)


@pytest.mark.parametrize(
    "spelled",
    [
        "https://t.me/news_in/123",
        "telegram.me/news_in",
        "tg://resolve?domain=news_in&post=4",
        "https://t.me/c/{id}/17",
        "{id}",
        "-100{id}",
    ],
)
async def test_a_pair_forwards_from_a_chat_by_any_of_its_names(
    newsroom: Newsroom, tables: dict[str, Any], spelled: str
) -> None:
    one_pair(newsroom, tables, spelled.format(id=newsroom.chats["news_in"].id), "t.me/news_out")

    await newsroom.start()
    newsroom.say("news_in", "one")

    await newsroom.arrives("news_out", "one")


async def test_a_link_to_a_topic_forwards_that_topic_alone(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    press, alice = newsroom.account(PRESS), newsroom.account(ALICE)
    forum = newsroom.telegram.add_channel("Forum", owner=press, forum=True)
    forum.join(alice)
    sport, talk = forum.open_topic("Sport"), forum.open_topic("Talk")
    one_pair(newsroom, tables, f"https://t.me/c/{forum.id}/{sport.id}/99", "@news_out")
    await newsroom.start()

    newsroom.telegram.post(forum, "gossip", topic_id=talk.id)
    newsroom.telegram.post(forum, "goal", topic_id=sport.id)

    await newsroom.arrives("news_out", "goal")


async def test_me_is_the_accounts_own_saved_messages(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    one_pair(newsroom, tables, "@news_in", "me")
    alice = newsroom.account(ALICE)
    await newsroom.start()

    newsroom.say("news_in", "one")

    await newsroom.until(lambda: [one.text for one in newsroom.telegram.history(alice)] == ["one"])


async def test_me_is_not_moved_to_another_account(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"] = [{"id": 1, "session": "alice", "source": "@news_in", "target": "me"}]
    newsroom.reconfigure(tables)
    newsroom.chats["news_in"].join(newsroom.account(BOB))
    warden = await newsroom.start()

    with pytest.raises(PairsNotMovedError, match='"me" is another chat for each account'):
        await warden.pairs.reassign("1", "bob")


# Invitations


async def test_an_invitation_to_a_chat_that_the_account_is_in_is_that_chat(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room = private_room(newsroom)
    room.join(newsroom.account(ALICE))
    one_pair(newsroom, tables, room.new_invite(), "@news_out")
    await newsroom.start()

    newsroom.say("room", "one")

    await newsroom.arrives("news_out", "one")


async def test_an_invitation_is_not_followed_unless_the_pair_says_so(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room = private_room(newsroom)
    link = room.new_invite()
    one_pair(newsroom, tables, link, "@news_out")
    warden = await newsroom.start()

    paused = await newsroom.hears(PairPaused, pair=1)
    outside = newsroom.account(ALICE).id not in room.members
    since = newsroom.mark()
    await warden.pairs.change(1, join=True)
    await newsroom.hears(PairResumed, since=since, pair=1)
    await forwards(newsroom)
    newsroom.say("room", "one")

    assert paused.reason.startswith("NOT_JOINED: the account is not in 'Back room'")
    assert "join = true" in paused.reason
    assert link not in paused.reason
    assert outside
    await newsroom.arrives("news_out", "one")


async def test_an_invitation_is_followed_where_the_pair_says_so_and_the_chat_stays_known(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room = private_room(newsroom)
    one_pair(newsroom, tables, room.new_invite(), "@news_out", join=True)
    await newsroom.start()
    newsroom.say("room", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    room.new_invite()  # the pair's own leads nowhere any more

    newsroom.say("room", "while it was away")
    await newsroom.start(signed_in=False)

    await newsroom.arrives("news_out", "one", "while it was away")


async def test_who_must_ask_to_be_let_in_asks_once_and_the_pair_goes_on_when_that_is_granted(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room, alice = private_room(newsroom), newsroom.account(ALICE)
    one_pair(newsroom, tables, room.new_invite(approval=True), "@news_out", join=True)
    await newsroom.start()
    paused = await newsroom.hears(PairPaused, pair=1)
    asked = room.requests
    room.turn_away(alice)
    again = await newsroom.hears(PairPaused, since=newsroom.mark(), pair=1)
    pestered = room.requests

    await newsroom.warden.pairs.resume(1)  # an operator has them asked again
    await newsroom.until(lambda: room.requests == [alice.id])
    room.let_in(alice)
    await forwards(newsroom)
    newsroom.say("room", "one")

    assert paused.reason.startswith("JOIN_REQUESTED: the account has asked to join 'Back room'")
    assert again.reason == paused.reason
    assert (asked, pestered) == ([alice.id], [])
    await newsroom.arrives("news_out", "one")


async def test_an_invitation_that_leads_nowhere_pauses_the_pair(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room = private_room(newsroom)
    link = room.new_invite()
    room.new_invite()
    one_pair(newsroom, tables, link, "@news_out", join=True)
    await newsroom.start()

    paused = await newsroom.hears(PairPaused, pair=1)

    assert "INVITE_HASH_EXPIRED: The invitation leads nowhere" in paused.reason
    assert link not in paused.reason


async def test_a_public_channel_is_joined_where_the_pair_says_so(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    alice, news = newsroom.account(ALICE), newsroom.chats["news_in"]
    news.leave(alice)
    one_pair(newsroom, tables, "@news_in", "@news_out", join=True)
    await newsroom.start()

    newsroom.say("news_in", "one")

    await newsroom.arrives("news_out", "one")
    assert alice.id in news.members


# Rings


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (("@room_a", "@room_b"), ("t.me/room_b/7", "https://T.me/Room_A")),
        ((-1001234567890, 1234567891), ("t.me/c/1234567891/7", "1234567890")),
        (("t.me/+AbCdEfGhIj123456", "me"), ("me", "t.me/joinchat/AbCdEfGhIj123456")),
    ],
)
def test_a_ring_is_refused_when_it_is_declared_however_its_chats_are_spelled(
    tables: dict[str, Any], there: tuple[Any, Any], back: tuple[Any, Any], tmp_path: Any
) -> None:
    tables["pairs"] = [
        {"id": 1, "session": "alice", "source": there[0], "target": there[1]},
        {"id": 2, "session": "alice", "source": back[0], "target": back[1]},
    ]

    with pytest.raises(
        ConfigError, match=r"pairs 1 and 2 make a ring.* say ring = true"
    ) as refused:
        parse_config(tables, base=tmp_path)

    assert "AbCdEfGhIj123456" not in str(refused.value)


def test_me_is_another_chat_for_another_account(tables: dict[str, Any], tmp_path: Any) -> None:
    tables["pairs"] = [
        {"id": 1, "session": "alice", "source": "@room_a", "target": "me"},
        {"id": 2, "session": "bob", "source": "me", "target": "@room_a"},
    ]

    assert len(parse_config(tables, base=tmp_path).pairs) == 2


async def test_a_pair_is_not_added_that_closes_a_ring_by_an_invitation(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    room = private_room(newsroom)
    room.join(newsroom.account(ALICE))
    one_pair(newsroom, tables, "@news_in", room.peer_id)
    warden = await newsroom.start()

    with pytest.raises(PairFaultError, match="pairs 1 and 2 make a ring"):
        await warden.pairs.add(session="alice", source=room.new_invite(), target="t.me/news_in")


# Adding


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"source": "@nobody_here", "target": "@news_out"},
            "source @nobody_here was not found by session alice: USERNAME_NOT_OCCUPIED",
        ),
        (
            {"source": "@news_in", "target": -1009999999999},
            "target -1009999999999 was not found by session alice: PEER_UNKNOWN",
        ),
    ],
)
async def test_a_pair_whose_chat_is_not_there_is_not_added(
    newsroom: Newsroom, fields: dict[str, Any], said: str
) -> None:
    warden = await newsroom.start()

    with pytest.raises(ChatNotFoundError) as refused:
        await warden.pairs.add(session="alice", mode="copy", **fields)

    assert said in str(refused.value)
    assert [one.id for one in await warden.pairs.list()] == [1, 2]


async def test_a_pair_by_an_invitation_is_added_only_if_it_may_join(newsroom: Newsroom) -> None:
    warden, room = await newsroom.start(), private_room(newsroom)
    way = {"session": "alice", "source": room.new_invite(), "target": "@news_out"}

    with pytest.raises(ChatNotFoundError, match="say join = true in the pair"):
        await warden.pairs.add(**way)
    outside = newsroom.account(ALICE).id not in room.members
    await warden.pairs.add(**way, join=True)
    await newsroom.until(lambda: newsroom.account(ALICE).id in room.members)

    assert outside

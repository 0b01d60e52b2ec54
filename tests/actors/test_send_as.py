"""In whose name a pair sends, and whether anybody hears a sound of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import TelegramClient, functions, types
from telethon.sessions import StringSession

from telewarden.config import parse_config
from telewarden.errors import ConfigError
from telewarden.loopback import ChatHandle
from telewarden.telegram import CopyChanged, DeadLettered, PairPaused

from .conftest import ALICE, BOB, LOOK_EVERY, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

PAIRS = [(1, ALICE, "news_in", "@news_out"), (2, BOB, "market_in", "@market_out")]


def into_group(newsroom: Newsroom, tables: dict[str, Any], **fields: Any) -> ChatHandle:
    """A group of the press's as the target of both pairs, which have these fields, too."""
    group = newsroom.telegram.add_channel(
        "Group",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(ALICE), newsroom.account(BOB)],
        megagroup=True,
        username="the_group",
    )
    newsroom.chats["group"] = group
    for pair in tables["pairs"]:
        pair |= {"target": "@the_group", **fields}
    newsroom.reconfigure(tables)
    return group


@pytest.mark.parametrize("by_number", [False, True], ids=["by name", "by number"])
@pytest.mark.parametrize(("pair", "phone", "source", "own"), PAIRS, ids=["forward", "copy"])
async def test_a_pair_sends_as_a_channel_of_its_accounts(
    newsroom: Newsroom,
    tables: dict[str, Any],
    pair: int,
    phone: str,
    source: str,
    own: str,
    by_number: bool,
) -> None:
    channel = newsroom.chats[own.removeprefix("@")]
    tables["pairs"] = [tables["pairs"][pair - 1]]
    into_group(newsroom, tables, send_as=channel.peer_id if by_number else own)
    await newsroom.start()

    newsroom.say(source, "one", "two")
    await newsroom.arrives("group", "one", "two")

    sent = newsroom.chats["group"].messages
    assert [one.sent_as for one in sent] == [channel.id, channel.id]
    assert {one.author for one in sent} == {newsroom.account(phone)}


async def test_what_was_sent_as_a_channel_is_edited_and_deleted_and_never_doubled(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"] = tables["pairs"][1:]
    into_group(newsroom, tables, send_as="@market_out")
    await newsroom.start()
    newsroom.say("market_in", "one", "two")
    await newsroom.arrives("group", "one", "two")
    await newsroom.stop()
    newsroom.lose_answers()

    await newsroom.start()
    source = newsroom.chats["market_in"]
    newsroom.say("market_in", "three")
    await newsroom.arrives("group", "one", "two", "three")
    source.edit_message(source.messages[0], "one, corrected")
    await newsroom.hears(CopyChanged, gone=False)
    source.delete_messages([source.messages[1]])
    await newsroom.hears(CopyChanged, gone=True)

    assert newsroom.texts("group") == ["one, corrected", "three"]


@pytest.mark.parametrize(
    ("send_as", "says", "waits"),
    [
        ("@news_in", "SEND_AS_PEER_INVALID: The account may not write in the target as what", True),
        ("@nobody_has_this", "@nobody_has_this: USERNAME_NOT_OCCUPIED", False),
    ],
)
@pytest.mark.parametrize(("pair", "source"), [(1, "news_in"), (2, "market_in")])
async def test_a_name_that_the_account_may_not_use_pauses_the_pair_and_nothing_goes_under_another(
    newsroom: Newsroom,
    tables: dict[str, Any],
    pair: int,
    source: str,
    send_as: str,
    says: str,
    waits: bool,  # or the pair has not begun
) -> None:
    into_group(newsroom, tables, send_as=send_as)
    warden = await newsroom.start()

    newsroom.say(source, "one")
    paused = await newsroom.hears(PairPaused, pair=pair)
    assert paused.reason.startswith(says)
    assert newsroom.texts("group") == []

    await warden.pairs.change(pair, send_as=None)
    await warden.pairs.resume(pair)
    while not (await newsroom.pairs())[pair].ready:
        await asyncio.sleep(LOOK_EVERY)
    newsroom.say(source, "two")
    await newsroom.arrives("group", *(["one", "two"] if waits else ["two"]))
    assert [one for one in newsroom.heard if isinstance(one, DeadLettered)] == []


async def test_it_is_changed_while_the_pair_works_and_stands_after_a_restart(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    into_group(newsroom, tables)
    warden = await newsroom.start()
    newsroom.say("market_in", "as bob")
    await newsroom.arrives("group", "as bob")

    changed = await warden.pairs.change(2, send_as="@market_out", silent=True)
    newsroom.say("market_in", "as the channel")
    await newsroom.arrives("group", "as bob", "as the channel")
    await newsroom.stop()
    await newsroom.start()
    newsroom.say("market_in", "still")
    await newsroom.arrives("group", "as bob", "as the channel", "still")

    own = newsroom.chats["market_out"].id
    sent = newsroom.chats["group"].messages
    assert (changed.send_as, changed.silent) == ("@market_out", True)
    assert [one.sent_as for one in sent] == [None, own, own]
    assert [one.silent for one in sent] == [False, True, True]


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_nobody_hears_a_sound_of_what_a_silent_pair_sends(
    newsroom: Newsroom, tables: dict[str, Any], source: str, target: str
) -> None:
    for pair in tables["pairs"]:
        pair["silent"] = True
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.say(source, "one", "two")
    await newsroom.arrives(target, "one", "two")

    assert all(one.silent for one in newsroom.chats[target].messages)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"handler": "printer", "send_as": "@news_out"}, "send_as and silent are for a target"),
        ({"handler": "printer", "silent": True}, "send_as and silent are for a target"),
        ({"target": "@news_out", "send_as": "no name"}, "send_as is 'no name'; give a @username"),
        ({"target": "@news_out", "send_as": 0}, "send_as is 0, which is no chat"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    tables: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    pair = tables["pairs"][0]
    del pair["target"]
    pair |= fields

    with pytest.raises(ConfigError, match=says):
        parse_config(tables)


async def test_the_loopback_tells_whom_an_account_may_send_as(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    group = into_group(newsroom, tables)
    session = StringSession(newsroom.telegram.mint(newsroom.account(BOB)))
    client: Any = TelegramClient(session, 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    await client.get_dialogs()

    told = await client(
        functions.channels.GetSendAsRequest(await client.get_input_entity(group.peer_id))
    )
    await client.disconnect()

    bob, own = newsroom.account(BOB).id, newsroom.chats["market_out"].id
    assert [one.peer for one in told.peers] == [types.PeerUser(bob), types.PeerChannel(own)]

"""Filters look again after an edit: what is not wanted any more is not sent, goes, or stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import types

from telewarden.loopback import Fault, FloodWait, Message
from telewarden.telegram import CopyChanged, DeadLettered, FloodBegan, PairPaused

from .conftest import BOB, LOOK_EVERY, Newsroom
from .test_content import press, send_album

pytestmark = [pytest.mark.actors, pytest.mark.session]

DENY = {"deny": {"patterns": [r"casino\.example"]}}


def ruled(newsroom: Newsroom, tables: dict[str, Any], **fields: Any) -> None:
    tables["pairs"][1] |= fields
    newsroom.reconfigure(tables)


async def copied(newsroom: Newsroom, *texts: str) -> list[Message]:
    """Say something in the source; returns it when it has arrived."""
    newsroom.say("market_in", *texts)
    await newsroom.arrives("market_out", *texts)
    return newsroom.chats["market_in"].messages


def hide_link(newsroom: Newsroom, message: Message, text: str = "news") -> None:
    """Edit an address behind the words of a message."""
    link = types.MessageEntityTextUrl(0, len(text), "https://casino.example/")
    newsroom.chats["market_in"].edit_message(message, text, entities=[link])


async def test_a_copy_goes_whose_message_is_edited_into_an_unwanted_one(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, **DENY)
    await newsroom.start()
    first, _ = await copied(newsroom, "news", "more")

    hide_link(newsroom, first)

    await newsroom.hears(CopyChanged, source_id=1, gone=True)
    assert newsroom.texts("market_out") == ["more"]


async def test_a_copy_stays_as_it_was_where_the_pair_says_so_and_follows_later_edits(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, unwanted="keep", **DENY)
    await newsroom.start()
    first, second = await copied(newsroom, "news", "more")

    hide_link(newsroom, first)
    newsroom.chats["market_in"].edit_message(second, "more, corrected")
    await newsroom.hears(CopyChanged, source_id=2, gone=False)
    assert newsroom.texts("market_out") == ["news", "more, corrected"]

    newsroom.chats["market_in"].edit_message(first, "news, corrected")
    await newsroom.hears(CopyChanged, source_id=1, gone=False)
    assert newsroom.texts("market_out") == ["news, corrected", "more, corrected"]


async def test_what_is_edited_into_an_unwanted_message_while_it_waits_is_never_sent(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, **DENY)
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.sendMessage", times=1, action=FloodWait(1)))
    newsroom.say("market_in", "one", "two", "three")
    await newsroom.hears(FloodBegan)
    while (await newsroom.pairs())[2].waiting < 3:
        await asyncio.sleep(LOOK_EVERY)

    hide_link(newsroom, newsroom.chats["market_in"].messages[1], "two")

    await newsroom.arrives("market_out", "one", "three")
    assert newsroom.telegram.stats.calls["messages.deleteMessages"] == 0


@pytest.mark.parametrize(("unwanted", "left"), [("delete", ["more"]), ("keep", ["news", "more"])])
async def test_an_edit_that_was_made_while_the_warden_was_down_is_judged_after_it(
    newsroom: Newsroom, tables: dict[str, Any], unwanted: str, left: list[str]
) -> None:
    ruled(newsroom, tables, unwanted=unwanted, **DENY)
    await newsroom.start()
    first, second = await copied(newsroom, "news", "more")
    await newsroom.stop()
    hide_link(newsroom, first)
    newsroom.chats["market_in"].edit_message(second, "more")

    await newsroom.start()
    newsroom.say("market_in", "end")
    await newsroom.until(lambda: newsroom.texts("market_out")[-1:] == ["end"])

    await newsroom.until(lambda: newsroom.texts("market_out") == [*left, "end"])


async def test_a_message_that_waits_over_a_restart_is_judged_as_it_is_then(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, **DENY)
    await newsroom.start()
    first, _ = await copied(newsroom, "news", "more")
    await newsroom.stop()
    newsroom.lose_answers()
    hide_link(newsroom, first)

    await newsroom.start()

    await newsroom.until(lambda: newsroom.texts("market_out") == ["more"])


async def test_a_pair_without_edits_leaves_its_copies_alone(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, edits=False, **DENY)
    await newsroom.start()
    first, _ = await copied(newsroom, "news", "more")

    hide_link(newsroom, first)
    newsroom.say("market_in", "end")

    await newsroom.arrives("market_out", "news", "more", "end")


async def test_header_and_footer_stand_and_words_are_replaced_after_an_edit(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    rules = {"replace": [{"find": "EUR", "with": "euro"}], "header": "News", "footer": "via us"}
    ruled(newsroom, tables, **rules)
    await newsroom.start()
    newsroom.say("market_in", "5 EUR")
    await newsroom.arrives("market_out", "News\n\n5 euro\n\nvia us")
    bold = types.MessageEntityBold(0, 5)

    newsroom.chats["market_in"].edit_message(
        newsroom.chats["market_in"].messages[0], "6 EUR" + "😀" * 2000 + "x" * 90, entities=[bold]
    )
    await newsroom.hears(CopyChanged)

    (copy,) = newsroom.chats["market_out"].messages
    assert copy.text.startswith("News\n\n6 euro😀")
    assert copy.text.endswith("…\n\nvia us")
    assert [(one.offset, one.length) for one in copy.entities] == [(6, 6)]


async def test_an_edited_item_of_an_album_gets_no_footer_that_stands_below_another(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, footer="via us")
    await newsroom.start()
    async with press(newsroom) as client:
        await send_album(client, newsroom.chats["market_in"], 3, "look")
        await newsroom.arrives("market_out", "look\n\nvia us", "", "")
    source = newsroom.chats["market_in"]
    first, second, third = source.messages

    source.edit_message(second, "", media=third.media)
    await newsroom.hears(CopyChanged, source_id=second.id)
    assert newsroom.texts("market_out") == ["look\n\nvia us", "", ""]

    source.edit_message(first, "", media=third.media)
    await newsroom.hears(CopyChanged, source_id=first.id)
    assert newsroom.texts("market_out") == ["via us", "", ""]


async def test_a_text_on_which_a_pattern_hangs_costs_that_message_of_that_pair_only(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"].append(
        {"id": 3, "session": "bob", "source": "@market_in", "target": "@market_three"}
    )
    newsroom.chats["market_three"] = newsroom.telegram.add_channel(
        "three", owner=newsroom.account(BOB), username="market_three"
    )
    ruled(newsroom, tables, deny={"patterns": [r"^(a|aa)+$"]})
    await newsroom.start()
    nasty = "a" * 3000 + "!"

    newsroom.say("market_in", "before", nasty, "after")

    letter = await newsroom.hears(DeadLettered)
    await newsroom.arrives("market_out", "before", "after")
    await newsroom.arrives("market_three", "before", nasty, "after")
    assert (letter.pair, letter.source_id) == (2, 2)
    assert r"'^(a|aa)+$' was not through with a message in 0.05 s" in letter.reason


@pytest.mark.parametrize("when", ["live", "missed", "past"])
async def test_a_pattern_that_hangs_on_message_after_message_pauses_its_pair_and_nothing_is_lost(
    newsroom: Newsroom, tables: dict[str, Any], when: str
) -> None:
    ruled(newsroom, tables, deny={"patterns": [r"^(a|aa)+$"]})
    nasty = ["a" * 3000 + f"! {number}" for number in range(30)]
    if when == "past":
        newsroom.say("market_in", *nasty, "end")
    await newsroom.start()
    if when == "missed":
        await newsroom.stop()
        newsroom.say("market_in", *nasty, "end")
        await newsroom.start()
    elif when == "live":
        newsroom.say("market_in", *nasty, "end")
    else:
        await newsroom.warden.pairs.backfill(2)

    paused = await newsroom.hears(PairPaused, pair=2)
    assert paused.reason.startswith("PATTERN_TOO_SLOW: ")
    await newsroom.hears(DeadLettered, source_id=3)
    assert [one.source_id for one in newsroom.heard if isinstance(one, DeadLettered)] == [1, 2, 3]
    await newsroom.warden.pairs.change(2, deny={"words": ["advert"]})

    await newsroom.arrives("market_out", *nasty[3:], "end")
    await newsroom.warden.pairs.retry(2)
    await newsroom.arrives("market_out", *nasty[3:], "end", *nasty[:3])

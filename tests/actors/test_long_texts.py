"""A text that Telegram finds too long is cut, and said to be; nothing of it is a dead letter."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import types

from telewarden.loopback import Message
from telewarden.telegram import CopyShortened, DeadLettered

from .conftest import BOB, PRESS, Newsroom
from .test_content import named, png, press, send_album

pytestmark = [pytest.mark.actors, pytest.mark.session]

LIMIT = 1024  # UTF-16 units; a Premium account may use four times as many
LONG = "\U0001f600" + "word " * 300


async def ready(newsroom: Newsroom, **premium: bool) -> None:
    """The press has Premium and says more than others may."""
    newsroom.account(PRESS).premium = True
    newsroom.account(BOB).premium = premium.get("bob", False)
    await newsroom.start()


async def picture(newsroom: Newsroom, caption: str, **kwargs: Any) -> Message:
    async with press(newsroom) as client:
        chat = newsroom.chats["market_in"]
        sent = await client.send_file(chat.peer_id, named(png(1)), caption=caption, **kwargs)
        return next(one for one in chat.messages if one.id == sent.id)


def copies(newsroom: Newsroom) -> list[Message]:
    return newsroom.chats["market_out"].messages


def refusals(newsroom: Newsroom) -> int:
    return newsroom.telegram.stats.errors["MEDIA_CAPTION_TOO_LONG"]


async def test_a_caption_that_is_too_long_for_the_account_is_cut_and_arrives_in_its_place(
    newsroom: Newsroom,
) -> None:
    await ready(newsroom)
    bold = types.MessageEntityBold(0, 10), types.MessageEntityItalic(1000, 300)
    newsroom.say("market_in", "before")
    long = await picture(newsroom, LONG, formatting_entities=bold)
    newsroom.say("market_in", "after")

    await newsroom.hears(CopyShortened, pair=2, source_id=long.id)
    await newsroom.until(lambda: len(copies(newsroom)) == 3)

    before, copy, after = copies(newsroom)
    assert (before.text, after.text) == ("before", "after")
    assert copy.text == LONG[: LIMIT - 2] + "…"
    # the ellipsis is ours, and not in italics
    assert [(one.offset, one.length) for one in copy.entities] == [(0, 10), (1000, 23)]
    assert not [one for one in newsroom.heard if isinstance(one, DeadLettered)]


async def test_telegram_is_asked_once_how_much_an_account_may_say(newsroom: Newsroom) -> None:
    await ready(newsroom)
    for _ in range(3):
        number = (await picture(newsroom, LONG)).id
        await newsroom.hears(CopyShortened, pair=2, source_id=number)

    assert refusals(newsroom) == 1


async def test_nothing_is_cut_that_the_account_may_say(newsroom: Newsroom) -> None:
    await ready(newsroom, bob=True)
    await picture(newsroom, LONG)

    await newsroom.arrives("market_out", LONG.strip())
    assert not [one for one in newsroom.heard if isinstance(one, CopyShortened)]


async def test_a_pairs_own_words_are_never_cut(newsroom: Newsroom, tables: dict[str, Any]) -> None:
    tables["pairs"][1] |= {"header": "From the market", "footer": "via @market_out"}
    newsroom.reconfigure(tables)
    await ready(newsroom)
    await picture(newsroom, LONG)

    await newsroom.hears(CopyShortened, pair=2)

    (copy,) = copies(newsroom)
    assert copy.text.startswith("From the market\n\n")
    assert copy.text.endswith("…\n\nvia @market_out")
    assert len(copy.text.encode("utf-16-le")) // 2 == LIMIT


async def test_an_album_with_a_caption_that_is_too_long_arrives_whole(newsroom: Newsroom) -> None:
    await ready(newsroom)
    async with press(newsroom) as client:
        await send_album(client, newsroom.chats["market_in"], 3, LONG)

    await newsroom.hears(CopyShortened, pair=2, source_id=1)

    await newsroom.arrives("market_out", LONG[: LIMIT - 2] + "…", "", "")


async def test_an_edit_that_makes_a_caption_too_long_is_made_as_far_as_it_goes(
    newsroom: Newsroom,
) -> None:
    await ready(newsroom)
    message = await picture(newsroom, "short")
    await newsroom.arrives("market_out", "short")

    newsroom.chats["market_in"].edit_message(message, LONG)

    await newsroom.hears(CopyShortened, pair=2, source_id=message.id)
    await newsroom.arrives("market_out", LONG[: LIMIT - 2] + "…")


async def test_a_copy_that_was_cut_and_whose_answer_was_lost_is_known_and_not_doubled(
    newsroom: Newsroom,
) -> None:
    await ready(newsroom)
    message = await picture(newsroom, LONG)
    await newsroom.hears(CopyShortened, pair=2)
    await newsroom.stop()
    newsroom.lose_answers()

    await newsroom.start()
    newsroom.chats["market_in"].delete_messages([message])

    await newsroom.until(lambda: copies(newsroom) == [])

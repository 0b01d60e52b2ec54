"""Refusals that Telethon has no class for, and such as nobody has heard of, on a pair's way."""

from __future__ import annotations

import asyncio

import pytest

from telewarden.loopback import Fault, RpcError, Rule
from telewarden.telegram import DeadLettered, PairPaused, PairResumed

from .conftest import LOOK_EVERY, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

COPY = "messages.sendMessage"
TEXTS = [f"news {number}" for number in range(24)]


def refusing(newsroom: Newsroom, text: str, code: int, times: int | None = None) -> Rule:
    return newsroom.telegram.faults.add(
        Fault(method=COPY, action=RpcError(text, code), times=times)
    )


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("ALLOW_PAYMENT_REQUIRED_20", 403, "takes 20 Stars for a message; nothing was paid"),
        ("ALLOW_PAYMENT_REQUIRED_20", 406, "takes 20 Stars for a message; nothing was paid"),
        ("PAYMENT_REQUIRED", 400, "takes Stars for a message; nothing was paid"),
        ("STARS_PAYMENT_REQUIRED", 400, "takes Stars for a message; nothing was paid"),
        ("BALANCE_TOO_LOW", 400, "too few Stars"),
        ("BOOSTS_REQUIRED", 400, "boost it in the official app"),
        ("CHANNEL_MONOFORUM_UNSUPPORTED", 400, "direct messages of a channel"),
        ("REPLY_TO_MONOFORUM_PEER_INVALID", 400, "direct messages of a channel"),
        ("RECAPTCHA_CHECK_SEND", 403, "do it in the official app"),
        ("INTEGRITY_CHECK_CLASSIC_1", 406, "do it in the official app"),
        ("TOPIC_ID_INVALID", 400, "topic is closed or gone"),
    ],
)
async def test_what_is_the_pairs_trouble_pauses_it_and_its_messages_stay(
    newsroom: Newsroom, text: str, code: int, says: str
) -> None:
    warden = await newsroom.start()
    rule = refusing(newsroom, text, code)

    newsroom.say("market_in", "one", "two")
    paused = await newsroom.hears(PairPaused, pair=2)
    newsroom.telegram.faults.remove(rule)
    await warden.pairs.resume(2)

    assert paused.reason.startswith(text)
    assert says in paused.reason
    await newsroom.arrives("market_out", "one", "two")
    assert [one for one in newsroom.heard if isinstance(one, DeadLettered)] == []


@pytest.mark.parametrize(
    "text", ["RICH_MESSAGE_UNSUPPORTED", "TODO_ITEMS_EMPTY", "MESSAGE_COPY_FORBIDDEN"]
)
async def test_content_that_is_refused_is_a_dead_letter_at_once_and_the_next_goes_on(
    newsroom: Newsroom, text: str
) -> None:
    await newsroom.start()
    rule = refusing(newsroom, text, 400, times=1)

    newsroom.say("market_in", "one", "two")
    dead = await newsroom.hears(DeadLettered, pair=2)

    assert dead.reason.startswith(f"{text}: The target takes no content of this kind")
    await newsroom.arrives("market_out", "two")
    assert rule.struck == 1


async def test_a_dead_letter_is_shown_though_nobody_asks_the_group(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.service.observation.OBSERVE_EVERY", 3600.0)
    warden = await newsroom.start()
    refusing(newsroom, "TODO_ITEMS_EMPTY", 400, times=1)

    newsroom.say("market_in", "one")
    await newsroom.hears(DeadLettered, pair=2)

    async with asyncio.timeout(SOON):
        while not any(pair.dead for one in (await warden.known()).groups for pair in one.pairs):
            await asyncio.sleep(LOOK_EVERY)


async def test_ten_unknown_refusals_in_a_row_pause_the_pair_and_its_messages_stay(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    rule = refusing(newsroom, "SOMETHING_OF_NEXT_YEAR", 400)

    for text in TEXTS:
        newsroom.say("market_in", text)
    paused = await newsroom.hears(PairPaused, pair=2)
    dead = [one for one in newsroom.heard if isinstance(one, DeadLettered)]

    assert paused.reason.startswith("SOMETHING_OF_NEXT_YEAR: Telegram refuses one message after")
    assert 9 <= len(dead) < 20  # as many as the first request held go with it
    newsroom.telegram.faults.remove(rule)
    await warden.pairs.resume(2)
    await newsroom.arrives("market_out", *TEXTS[len(dead) :])


async def test_a_pair_that_goes_on_by_itself_costs_no_further_message(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    rule = refusing(newsroom, "SOMETHING_OF_NEXT_YEAR", 400)
    for text in TEXTS:
        newsroom.say("market_in", text)
    await newsroom.hears(PairPaused, pair=2)
    struck, since = rule.struck, newsroom.mark()

    await warden.pairs.resume(2)
    await newsroom.hears(PairResumed, since=since, pair=2)
    await newsroom.hears(PairPaused, since=since, pair=2)

    assert [one for one in newsroom.heard[since:] if isinstance(one, DeadLettered)] == []
    assert rule.struck > struck


async def test_refusals_that_are_not_in_a_row_are_the_messages_own(newsroom: Newsroom) -> None:
    await newsroom.start()

    sent = []
    for number, text in enumerate(TEXTS[:12]):
        if number == 6:
            sent.append(text)
        else:
            refusing(newsroom, "SOMETHING_OF_NEXT_YEAR", 400, times=3)
        since = newsroom.mark()
        newsroom.say("market_in", text)
        if number == 6:
            await newsroom.arrives("market_out", *sent)
        else:
            await newsroom.hears(DeadLettered, since=since, pair=2)

    assert [one for one in newsroom.heard if isinstance(one, PairPaused)] == []


async def test_a_batch_of_forwards_that_is_refused_one_by_one_pauses_its_pair(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await warden.pairs.pause(1)
    for text in TEXTS:
        newsroom.say("news_in", text)
    rule = newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", action=RpcError("SOMETHING_OF_NEXT_YEAR", 400))
    )
    since = newsroom.mark()

    await warden.pairs.resume(1)
    paused = await newsroom.hears(PairPaused, since=since, pair=1)
    dead = [one for one in newsroom.heard if isinstance(one, DeadLettered)]
    newsroom.telegram.faults.remove(rule)
    await warden.pairs.resume(1)

    assert paused.reason.startswith("SOMETHING_OF_NEXT_YEAR")
    assert 9 <= len(dead) < 20
    await newsroom.arrives("news_out", *TEXTS[len(dead) :])


@pytest.mark.parametrize("text", ["EDIT_MESSAGE_TEMP_RESTRICTED"])
async def test_an_edit_that_may_not_be_made_now_is_made_later(
    newsroom: Newsroom, text: str
) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    rule = newsroom.telegram.faults.add(
        Fault(method="messages.editMessage", action=RpcError(text, 406), times=4)
    )

    newsroom.chats["market_in"].edit_message(newsroom.chats["market_in"].messages[0], "two")

    await newsroom.until(lambda: newsroom.texts("market_out") == ["two"])
    assert rule.struck == 4


async def test_an_edit_that_may_not_be_made_now_holds_no_other_message(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    source = newsroom.chats["market_in"]
    rule = newsroom.telegram.faults.add(
        Fault(
            method="messages.editMessage",
            action=RpcError("EDIT_MESSAGE_TEMP_RESTRICTED", 406),
        )
    )

    source.edit_message(source.messages[0], "two")
    await newsroom.until(lambda: rule.struck > 0)
    newsroom.say("market_in", "three")
    await newsroom.arrives("market_out", "one", "three")

    source.edit_message(source.messages[0], "four")
    newsroom.telegram.faults.remove(rule)
    await newsroom.until(lambda: newsroom.texts("market_out") == ["four", "three"])

"""Layer drift: what cannot be read costs no line, no session and nothing that stands beside it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from telethon import functions

from telewarden.errors import TelegramError
from telewarden.loopback import Answer, Fault, Unknown
from telewarden.metrics import sentence
from telewarden.telegram import CaughtUp, DeadLettered, Health, LayerDrifted, Phase

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [
    pytest.mark.actors,
    pytest.mark.session,
    pytest.mark.crashes(logged="layer drift"),
]


async def calm(newsroom: Newsroom, connects: int) -> None:
    """Both sessions are as they were, on the same lines."""
    for name in ("alice", "bob"):
        report = await newsroom.warden.session(name).report()
        assert (report.phase, report.health) == (Phase.ONLINE, Health.HEALTHY)
    assert newsroom.telegram.stats.connects == connects


@pytest.mark.parametrize("in_updates", [False, True], ids=["in a container", "in an update"])
async def test_what_stands_beside_the_unreadable_arrives_and_no_line_is_lost(
    newsroom: Newsroom, in_updates: bool
) -> None:
    await newsroom.start()
    connects = newsroom.telegram.stats.connects

    newsroom.telegram.send_unknown(
        newsroom.account(ALICE),
        in_updates=in_updates,
        beside=lambda: newsroom.say("news_in", "one"),
    )
    told = await newsroom.hears(LayerDrifted, session="alice")
    await newsroom.arrives("news_out", "one")

    assert (told.constructor, told.first) == ("feedbeef", True)
    assert "A newer Telethon is needed" in (sentence(told) or "")
    await calm(newsroom, connects)


async def test_it_is_named_once_for_all_sessions_and_counted_each_time(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    await newsroom.start()
    connects = newsroom.telegram.stats.connects

    for phone in (ALICE, BOB):
        newsroom.telegram.send_unknown(newsroom.account(phone))
        newsroom.telegram.send_unknown(newsroom.account(phone), in_updates=True)
    await newsroom.hears(LayerDrifted, session="alice", first=False)
    await newsroom.hears(LayerDrifted, session="bob", first=False)
    await newsroom.until(lambda: len(drifts(newsroom)) == 4)

    assert len([one for one in drifts(newsroom) if one.first]) == 1
    lines = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert len(lines) == 1
    await calm(newsroom, connects)


def drifts(newsroom: Newsroom) -> list[Any]:
    return [one for one in newsroom.heard if isinstance(one, LayerDrifted)]


async def test_a_message_that_came_in_an_unreadable_update_is_read_from_history(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.updates.REPAIR_AFTER", 0.0)
    await newsroom.start()
    account = newsroom.account(ALICE)

    newsroom.telegram.pushes.lose(account)
    newsroom.say("news_in", "one")
    newsroom.telegram.send_unknown(account, in_updates=True)

    await newsroom.hears(CaughtUp, session="alice", pair=1)
    await newsroom.arrives("news_out", "one")


async def test_a_difference_that_cannot_be_read_is_not_asked_for_for_ever(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.updates.REPAIR_AFTER", 0.0)
    await newsroom.start()
    connects = newsroom.telegram.stats.connects
    rule = newsroom.telegram.faults.add(
        Fault(method="updates.getDifference", action=Answer(lambda _: Unknown()))
    )

    newsroom.telegram.pushes.lose(newsroom.account(ALICE))
    newsroom.say("news_in", "one")
    newsroom.telegram.send_unknown(newsroom.account(ALICE), in_updates=True)

    await newsroom.arrives("news_out", "one")
    assert rule.struck == 1
    await calm(newsroom, connects)


async def test_an_answer_that_cannot_be_read_is_its_askers_trouble_alone(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    connects = newsroom.telegram.stats.connects
    newsroom.telegram.faults.add(
        Fault(method="help.getNearestDc", action=Answer(lambda _: Unknown()), times=1)
    )

    with pytest.raises(TelegramError, match="TYPE_NOT_FOUND"):
        await warden.session("alice").call(functions.help.GetNearestDcRequest())

    await newsroom.hears(LayerDrifted, session="alice")
    await calm(newsroom, connects)


def basic_group(newsroom: Newsroom, tables: dict[str, Any]) -> None:
    """A basic group, where each account counts the messages itself, as the second pair's source."""
    owner, member = newsroom.account(PRESS), newsroom.account(BOB)
    group = newsroom.telegram.add_group("Basic", owner=owner, members=[member])
    newsroom.chats["basic"] = group
    tables["pairs"][1]["source"] = group.peer_id
    newsroom.reconfigure(tables)


@pytest.mark.parametrize(
    ("pair", "source", "target"),
    [(1, "news_in", "news_out"), (2, "market_in", "market_out"), (2, "basic", "market_out")],
)
async def test_an_unreadable_message_of_a_page_of_history_costs_itself_alone(
    newsroom: Newsroom, tables: dict[str, Any], pair: int, source: str, target: str
) -> None:
    if source == "basic":
        basic_group(newsroom, tables)
    warden = await newsroom.start()
    await newsroom.stop()
    newsroom.say(source, *(before := [f"before {number}" for number in range(20)]))
    unread = newsroom.telegram.post(newsroom.chats[source], "of a later layer", media=Unknown())
    newsroom.say(source, *(after := [f"after {number}" for number in range(20)]))

    warden = await newsroom.start()
    letter = await newsroom.hears(DeadLettered, pair=pair)
    await newsroom.arrives(target, *before, *after)

    reader = newsroom.account(ALICE if pair == 1 else BOB)
    assert (letter.source_id, len(await warden.pairs.dead())) == (unread.id_for(reader.id), 1)
    assert "TYPE_NOT_FOUND: the installed Telethon cannot read this message" in letter.reason
    assert [one.first for one in drifts(newsroom)].count(True) == 1

    await warden.pairs.retry(pair)
    await newsroom.hears(DeadLettered, pair=pair, since=newsroom.heard.index(letter) + 1)
    unread.media = None  # as a newer Telethon would read it
    await warden.pairs.retry(pair)

    await newsroom.arrives(target, *before, *after, "of a later layer")
    assert await warden.pairs.dead() == ()


async def test_unreadable_messages_told_live_are_dead_letters_and_those_between_arrive(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.updates.REPAIR_AFTER", 0.0)
    await newsroom.start()
    connects = newsroom.telegram.stats.connects

    for number in range(15):
        newsroom.telegram.post(newsroom.chats["market_in"], "later", media=Unknown())
        newsroom.say("market_in", f"now {number}")

    await newsroom.arrives("market_out", *(f"now {number}" for number in range(15)))
    await newsroom.until(lambda: letters(newsroom) == list(range(1, 31, 2)))
    await calm(newsroom, connects)


def letters(newsroom: Newsroom) -> list[int]:
    return sorted(one.source_id for one in newsroom.heard if isinstance(one, DeadLettered))


async def test_a_past_with_unreadable_messages_is_carried_and_a_new_pair_begins_behind_them(
    newsroom: Newsroom,
) -> None:
    newsroom.say("market_in", "past")
    for _ in range(2):
        newsroom.telegram.post(newsroom.chats["market_in"], "later", media=Unknown())
    warden = await newsroom.start()

    newsroom.say("market_in", "present")
    await newsroom.arrives("market_out", "present")
    begun = letters(newsroom)
    await warden.pairs.backfill(2, after=0)

    await newsroom.arrives("market_out", "present", "past")
    await newsroom.until(lambda: letters(newsroom) == [2, 3])
    assert begun == []

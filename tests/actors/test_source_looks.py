"""One silent channel in a healthy session: found by cheap looks, caught up, told."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from telewarden.console.commands.catalogue import find
from telewarden.telegram import DEAF_SOURCE, Health, SourceDeaf, SourceHeard

from .conftest import ALICE, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

AT_ONCE = -5.0  # seconds; Telegram tells its time in whole ones, and so dates its messages
EVERY = 0.2  # seconds between two looks at a source


@pytest.fixture
async def looking(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Newsroom:
    """A newsroom whose sources are looked at all the time; what is told is told at once."""
    monkeypatch.setattr("telewarden.actors.forwarding.source_looks.HEARD_WITHIN", AT_ONCE)
    newsroom.reconfigure(tables | {"health": {"groups_every": EVERY}})
    return newsroom


def unheard(newsroom: Newsroom, *texts: str) -> None:
    """Messages in alice's source of which she is not told."""
    newsroom.telegram.pushes.lose(newsroom.account(ALICE), len(texts))
    newsroom.say("news_in", *texts)


async def test_a_source_that_goes_unheard_is_caught_up_and_told(looking: Newsroom) -> None:
    await looking.start()

    unheard(looking, "one")
    told = await looking.hears(SourceDeaf, session="alice", pair=1)
    await looking.arrives("news_out", "one")

    assert (told.missed, told.again) == (1, False)
    assert (await looking.warden.session("alice").report()).health is Health.HEALTHY
    assert (await looking.pairs())[1].deaf_since == told.since
    why = await looking.warden.command("pairs why", {"pair": 1})
    assert (why.verdict, why.advice) == (DEAF_SOURCE.explanation, DEAF_SOURCE.advice)
    status = await looking.warden.command("status", {"session": "alice"})
    shown = [str(one) for one in find("status").show(status.model_dump())]
    assert any("deaf for its source since" in one for one in shown)


async def test_a_session_is_not_deaf_any_more_once_it_is_told_of_a_message_there(
    looking: Newsroom,
) -> None:
    await looking.start()
    unheard(looking, "one")
    await looking.hears(SourceDeaf, session="alice")
    await looking.arrives("news_out", "one")

    async with asyncio.timeout(SOON):  # a look may be quicker than Telegram's word
        texts = ["one"]
        while not any(isinstance(one, SourceHeard) for one in looking.heard):
            texts.append(f"told {len(texts)}")
            looking.say("news_in", texts[-1])
            await looking.arrives("news_out", *texts)

    assert (await looking.pairs())[1].deaf_since is None


async def test_a_source_that_stays_unheard_is_told_of_again_and_nothing_is_lost(
    looking: Newsroom,
) -> None:
    await looking.start()

    for number in range(3):
        since = looking.mark()
        unheard(looking, f"message {number}")
        await looking.hears(SourceDeaf, since=since, again=number > 0)
        await looking.arrives("news_out", *(f"message {one}" for one in range(number + 1)))


async def test_a_quiet_source_is_no_deaf_one(looking: Newsroom) -> None:
    await looking.start()
    before = looking.telegram.stats.calls["messages.getHistory"]
    await looking.until(lambda: looking.telegram.stats.calls["messages.getHistory"] >= before + 6)

    assert not [one for one in looking.heard if isinstance(one, SourceDeaf)]


async def test_pairs_of_one_source_cost_one_look_and_are_caught_up_together(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.actors.forwarding.source_looks.HEARD_WITHIN", AT_ONCE)
    second = {"id": 3, "session": "alice", "source": "@news_in", "target": "@market_in"}
    tables["pairs"] = [tables["pairs"][0], second | {"target": "@news_too"}]
    tables["health"] = {"groups_every": EVERY}
    owner = newsroom.account(ALICE)
    too = newsroom.telegram.add_channel("Too", owner=owner, username="news_too")
    newsroom.chats["news_too"] = too
    newsroom.reconfigure(tables)
    await newsroom.start()
    calls: Counter[str] = newsroom.telegram.stats.calls
    before, since = calls["messages.getHistory"], newsroom.mark()

    unheard(newsroom, "one")
    await newsroom.hears(SourceDeaf, since=since)
    await newsroom.arrives("news_out", "one")
    await newsroom.arrives("news_too", "one")

    told = [one for one in newsroom.heard[since:] if isinstance(one, SourceDeaf)]
    assert len(told) == 1
    assert calls["messages.getHistory"] >= before + 2  # the look, and the other pair's reading

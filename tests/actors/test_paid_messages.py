"""Targets that take Stars for a message: nothing is paid but what the pair may, and that once."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.loopback import ChatHandle, CutConnection, Fault
from telewarden.metrics import sentence
from telewarden.telegram import DeadLettered, PairPaused, StarsPaid

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

TEXTS = ["one", "two", "three"]


def paid_group(newsroom: Newsroom, tables: dict[str, Any], *, max_stars: int) -> ChatHandle:
    """A group where a message costs five Stars, as the target of both pairs, which may pay."""
    group = newsroom.telegram.add_channel(
        "Paid",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(ALICE), newsroom.account(BOB)],
        megagroup=True,
        username="paid_out",
    )
    group.set_price(5)
    newsroom.chats["paid_out"] = group
    for pair in tables["pairs"]:
        pair["target"], pair["max_stars"] = "@paid_out", max_stars
    newsroom.reconfigure(tables)
    return group


@pytest.mark.parametrize(("max_stars", "stars"), [(0, 100), (4, 100), (5, 4)])
@pytest.mark.parametrize(("pair", "source"), [(1, "news_in"), (2, "market_in")])
async def test_a_pair_that_may_not_pay_as_much_or_cannot_pauses_and_pays_nothing(
    newsroom: Newsroom, tables: dict[str, Any], max_stars: int, stars: int, pair: int, source: str
) -> None:
    group = paid_group(newsroom, tables, max_stars=max_stars)
    payer = newsroom.account(ALICE if pair == 1 else BOB)
    payer.stars = stars
    warden = await newsroom.start()

    newsroom.say(source, *TEXTS)
    paused = await newsroom.hears(PairPaused, pair=pair)
    spent = stars - payer.stars
    group.set_price(0)
    await warden.pairs.resume(pair)

    says = "too few Stars" if max_stars == 5 else "takes 5 Stars for a message; nothing was paid"
    assert says in paused.reason
    assert spent == 0
    await newsroom.arrives("paid_out", *TEXTS)
    assert [one for one in newsroom.heard if isinstance(one, DeadLettered | StarsPaid)] == []


@pytest.mark.parametrize(("pair", "source"), [(1, "news_in"), (2, "market_in")])
async def test_a_pair_that_may_pay_does_and_says_so(
    newsroom: Newsroom, tables: dict[str, Any], pair: int, source: str
) -> None:
    paid_group(newsroom, tables, max_stars=5)
    payer = newsroom.account(ALICE if pair == 1 else BOB)
    payer.stars = 100
    await newsroom.start()

    newsroom.say(source, *TEXTS)
    await newsroom.arrives("paid_out", *TEXTS)
    await newsroom.hears(StarsPaid, pair=pair)
    await newsroom.until(lambda: sum(one.stars for one in paid(newsroom)) == 15)

    assert payer.stars == 85
    assert f"pair {pair} paid " in (sentence(paid(newsroom)[0]) or "")


def paid(newsroom: Newsroom) -> list[StarsPaid]:
    return [one for one in newsroom.heard if isinstance(one, StarsPaid)]


async def test_a_message_whose_answer_is_lost_is_not_paid_for_twice(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    paid_group(newsroom, tables, max_stars=5)
    newsroom.account(BOB).stars = 100
    await newsroom.start()
    cut = CutConnection(executed=True)
    rule = newsroom.telegram.faults.add(
        Fault(method="messages.sendMessage", action=cut, times=1, after=1)
    )

    newsroom.say("market_in", "one")
    await newsroom.arrives("paid_out", "one")
    newsroom.say("market_in", "two")
    await newsroom.arrives("paid_out", "one", "two")

    assert rule.struck == 1
    assert newsroom.account(BOB).stars == 90

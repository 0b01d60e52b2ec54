"""What fails is asked for again after pauses that grow, whatever else happens meanwhile."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from typing import Any

from telewarden.actors import Pace
from telewarden.actors.forwarding import delivery
from telewarden.actors.session.send_queue import SendQueue
from telewarden.loopback import Fault, FloodWait, RpcError
from telewarden.telegram import FloodBegan, FloodEnded, PairPaused, PairResumed

from .conftest import ALICE, LOOK_EVERY, SOON, Newsroom


async def refused_at_one_pair(newsroom: Newsroom, tables: dict[str, Any], text: str) -> None:
    """Alice has two pairs with the same chats; the copying one is always refused."""
    tables["pairs"].append({**tables["pairs"][0], "id": 3, "mode": "copy"})
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.sendMessage", account=newsroom.account(ALICE), action=RpcError(text))
    )
    newsroom.say("news_in", "one")


async def test_a_paused_pair_waits_for_its_own_time_though_others_share_its_chats(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"groups_every": 0.05}
    await refused_at_one_pair(newsroom, tables, "PREMIUM_ACCOUNT_REQUIRED")
    await newsroom.hears(PairPaused, pair=3)
    looks = newsroom.telegram.stats.calls["channels.getChannels"]

    await newsroom.until(lambda: newsroom.telegram.stats.calls["channels.getChannels"] > looks + 3)

    assert not [one for one in newsroom.heard if isinstance(one, PairResumed)]
    assert newsroom.telegram.stats.calls["messages.sendMessage"] == 1
    assert newsroom.texts("news_out") == ["one"]


async def test_each_pause_of_a_pair_that_is_refused_again_is_twice_as_long(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"recheck_initial": 0.1, "recheck_max": 60.0}
    await refused_at_one_pair(newsroom, tables, "PREMIUM_ACCOUNT_REQUIRED")

    def pauses() -> list[float]:
        return [one.at for one in newsroom.heard if isinstance(one, PairPaused)]

    await newsroom.until(lambda: len(pauses()) == 5)

    between = [later - earlier for earlier, later in pairwise(pauses())]
    assert all(seconds >= 0.1 * 2**number * 0.95 for number, seconds in enumerate(between)), between


async def test_a_pair_that_waits_before_its_next_try_is_not_hurried_by_what_is_said(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    began = asyncio.get_running_loop().time()
    await refused_at_one_pair(newsroom, tables, "RPC_CALL_FAIL")
    said = [f"news {n}" for n in range(30)]

    for number, text in enumerate(said, start=2):
        newsroom.say("news_in", text)
        async with asyncio.timeout(SOON):
            while (await newsroom.pairs())[3].waiting < number:
                await asyncio.sleep(LOOK_EVERY)

    passed = asyncio.get_running_loop().time() - began
    # Pauses of once, twice, three times as long: so many tries, and one for the last pause.
    most = 2 + math.sqrt(2 * passed / delivery.RETRY_AFTER)
    assert newsroom.telegram.stats.calls["messages.sendMessage"] <= most
    newsroom.telegram.faults.clear()
    await newsroom.until(lambda: len(newsroom.texts("news_out")) == 62)


async def test_a_flood_that_is_told_again_at_its_end_is_waited_out_longer(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=2, action=FloodWait(1))
    )

    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")

    began = [one.at for one in newsroom.heard if isinstance(one, FloodBegan)]
    ended = [one.at for one in newsroom.heard if isinstance(one, FloodEnded)]
    waited = [end - begin for begin, end in zip(began, ended, strict=True)]
    assert waited[0] >= 0.95
    assert waited[1] >= 1.95


def test_a_flood_grows_to_a_minute_or_to_what_is_told_until_something_has_gone() -> None:
    outgoing, key, wall, waits = SendQueue(Pace()), ("messages.sendMessage", None), 0.0, []
    for seconds in (3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 90.0):
        waits.append(outgoing.growing_wait(key, seconds, wall=wall))
        outgoing.record_flood(key, wall + waits[-1])
        assert (
            outgoing.growing_wait(key, seconds, wall=wall) == waits[-1]
        )  # the same flood, told twice
        wall += waits[-1]

    outgoing.record_sent("messages.sendMessage", -1)

    assert waits == [3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0, 90.0]
    assert outgoing.growing_wait(key, 3.0, wall=wall) == 3.0


def test_a_flood_that_is_told_again_after_something_has_passed_is_waited_out() -> None:
    outgoing, key = SendQueue(Pace()), ("*", -1)
    assert outgoing.growing_wait(key, 3.0, wall=0.0) == 3.0
    outgoing.record_flood(key, 3.0)

    outgoing.record_sent("messages.sendMessage", -1)  # it had been on its way already

    assert outgoing.growing_wait(key, 2.0, wall=1.0) == 2.0

"""How fast a session reads the histories of its pairs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

PAIRS = 30
PACE = {"per_account": 40.0, "per_chat": 1000.0, "burst": 5}
LEAST = (PAIRS - 5) / 40.0  # seconds that it takes to ask for all, a burst of five at once


async def test_a_session_with_many_pairs_that_is_back_does_not_read_them_all_at_once(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    newsroom.reconfigure(tables | {"pairs": many(newsroom), "pacing": PACE})
    await newsroom.start()
    calls, loop = newsroom.telegram.stats.calls, asyncio.get_running_loop()
    before, began = calls["messages.getHistory"], loop.time()

    newsroom.telegram.cut(newsroom.account(ALICE))
    await newsroom.until(lambda: calls["messages.getHistory"] >= before + PAIRS)

    assert loop.time() - began >= LEAST
    newsroom.say("news_in", "one")
    await newsroom.arrives("out_0", "one")
    await newsroom.arrives(f"out_{PAIRS - 1}", "one")


def many(newsroom: Newsroom) -> list[dict[str, Any]]:
    """Pairs from one source into channels of their own."""
    owner, pairs = newsroom.account(ALICE), []
    for number in range(PAIRS):
        name = f"out_{number}"
        chat = newsroom.telegram.add_channel(name, owner=owner, username=name)
        newsroom.chats[name] = chat
        ends = {"source": "@news_in", "target": f"@{name}"}
        pairs.append({"id": number + 1, "session": "alice"} | ends)
    return pairs

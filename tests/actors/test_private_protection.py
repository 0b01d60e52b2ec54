"""Private chats that one of the two protects: nothing of them is carried, as long as that lasts."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.telegram import DeadLettered, PairPaused

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def from_press(newsroom: Newsroom, tables: dict[str, Any]) -> None:
    """Let both pairs carry what the press writes to their accounts in private."""
    newsroom.account(PRESS).username = "press_desk"
    for pair in tables["pairs"]:
        pair["source"] = "@press_desk"
    tables["health"] = {"recheck_initial": 0.01, "recheck_max": 0.05}
    newsroom.reconfigure(tables)


def write(newsroom: Newsroom, reader: str, *texts: str) -> None:
    for text in texts:
        press = newsroom.account(PRESS)
        newsroom.telegram.post(newsroom.account(reader), text, author=press)


PAIRS = [(1, ALICE, "news_out"), (2, BOB, "market_out")]


@pytest.mark.parametrize("by_reader", [False, True], ids=["by the other", "by the account"])
@pytest.mark.parametrize(("pair", "reader", "target"), PAIRS, ids=["forward", "copy"])
async def test_a_protected_private_chat_is_respected_from_its_first_moment_to_its_end(
    newsroom: Newsroom,
    tables: dict[str, Any],
    pair: int,
    reader: str,
    target: str,
    by_reader: bool,
) -> None:
    from_press(newsroom, tables)
    await newsroom.start()
    both = newsroom.account(PRESS), newsroom.account(reader)
    who, other = reversed(both) if by_reader else both
    write(newsroom, reader, "one")
    await newsroom.arrives(target, "one")

    newsroom.telegram.protect_private(who, other)
    write(newsroom, reader, "two")
    paused = await newsroom.hears(PairPaused, pair=pair)
    before = newsroom.texts(target)
    newsroom.telegram.protect_private(who, other, enabled=False)

    await newsroom.arrives(target, "one", "two")
    assert "protect" in paused.reason
    assert before == ["one"]
    assert [one for one in newsroom.heard if isinstance(one, DeadLettered)] == []


@pytest.mark.parametrize(("pair", "reader", "target"), PAIRS, ids=["forward", "copy"])
async def test_protection_that_began_while_nobody_listened_is_known_before_anything_is_sent(
    newsroom: Newsroom, tables: dict[str, Any], pair: int, reader: str, target: str
) -> None:
    from_press(newsroom, tables)
    await newsroom.start()
    await newsroom.stop()
    newsroom.telegram.protect_private(newsroom.account(PRESS), newsroom.account(reader))
    write(newsroom, reader, "two")

    await newsroom.start()
    paused = await newsroom.hears(PairPaused, pair=pair)

    assert "protect" in paused.reason
    assert newsroom.texts(target) == []
    assert newsroom.telegram.stats.errors["CHAT_FORWARDS_RESTRICTED"] == 0


async def test_a_chat_that_is_not_protected_is_asked_about_once_a_connection(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    from_press(newsroom, tables)
    tables["pairs"] = tables["pairs"][1:]
    tables["health"]["groups_every"] = 0.05
    newsroom.reconfigure(tables)
    await newsroom.start()
    write(newsroom, BOB, "first")
    await newsroom.arrives("market_out", "first")
    asked = newsroom.telegram.stats.calls["users.getFullUser"]

    texts = [f"text {number}" for number in range(5)]
    for number, text in enumerate(texts, start=1):
        write(newsroom, BOB, text)
        await newsroom.arrives("market_out", "first", *texts[:number])

    facts = 1  # the account's own, which are asked for after a login
    assert newsroom.telegram.stats.calls["users.getFullUser"] - asked <= facts

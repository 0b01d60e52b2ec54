"""Pairs that would feed each other are told, whichever names and sessions hide it."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.actors.assignments import fingerprint
from telewarden.config import parse_config
from telewarden.errors import ConfigError, PairFaultError
from telewarden.telegram import PairPaused, PairResumed

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def groups(newsroom: Newsroom, *names: str) -> dict[str, int]:
    """Groups of the press's in which alice and bob are; returns their numbers."""
    members = [newsroom.account(ALICE), newsroom.account(BOB)]
    for name in names:
        newsroom.chats[name] = newsroom.telegram.add_channel(
            name, owner=newsroom.account(PRESS), members=members, username=name, megagroup=True
        )
    return {name: newsroom.chats[name].peer_id for name in names}


def pair(number: int, session: str, source: Any, target: Any, **fields: Any) -> dict[str, Any]:
    return {"id": number, "session": session, "source": source, "target": target, **fields}


async def test_a_ring_over_two_sessions_that_only_numbers_hide_pauses_the_pair_that_closes_it(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    number = groups(newsroom, "room_a", "room_b")
    tables["pairs"] = [
        pair(1, "alice", "@room_a", "@room_b", mode="copy"),
        pair(2, "bob", number["room_b"], number["room_a"], mode="copy"),
    ]
    newsroom.reconfigure(tables)

    await newsroom.start()

    paused = await newsroom.hears(PairPaused)
    other = next(one for one in (await newsroom.pairs()).values() if one.id != paused.pair)
    assert paused.reason.startswith("PAIR_RING: pairs 1 and 2 make a ring")
    assert other.paused is None
    source, target = ("room_a", "room_b") if other.id == 1 else ("room_b", "room_a")
    newsroom.telegram.post(newsroom.chats[source], "ping", author=newsroom.account(PRESS))
    await newsroom.arrives(target, "ping")
    assert newsroom.texts(source) == ["ping"]


async def test_a_pair_that_is_paused_for_a_ring_goes_on_when_the_ring_is_gone(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    number = groups(newsroom, "room_a", "room_b")
    tables["pairs"] = [
        pair(1, "alice", "@room_a", "@room_b"),
        pair(2, "alice", number["room_b"], number["room_a"]),
    ]
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    paused = (await newsroom.hears(PairPaused)).pair
    since = newsroom.mark()
    await warden.pairs.resume(paused)  # by hand does not help
    await newsroom.hears(PairPaused, since=since, pair=paused)

    await warden.pairs.remove(3 - paused)
    since = newsroom.mark()
    await warden.pairs.resume(paused)

    await newsroom.hears(PairResumed, since=since, pair=paused)
    source, target = ("room_a", "room_b") if paused == 1 else ("room_b", "room_a")
    newsroom.telegram.post(newsroom.chats[source], "ping", author=newsroom.account(PRESS))
    await newsroom.arrives(target, "ping")


async def test_a_name_and_a_number_of_one_chat_never_feed_each_other(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    number = groups(newsroom, "room_a")
    tables["pairs"] = [pair(1, "alice", "@room_a", number["room_a"])]
    newsroom.reconfigure(tables)

    await newsroom.start()

    paused = await newsroom.hears(PairPaused, pair=1)
    assert "source and target are the same chat (@room_a, -100" in paused.reason


async def test_a_pair_is_not_added_that_would_close_a_ring_by_name_or_by_number(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    number = groups(newsroom, "room_a", "room_b")
    tables["pairs"] = [pair(1, "alice", "@room_a", "@room_b")]
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    for source, target in (("@Room_B", "@room_a"), (number["room_b"], number["room_a"])):
        with pytest.raises(PairFaultError, match="make a ring") as refused:
            await warden.pairs.add(session="bob", source=source, target=target, ring=True)
        assert (refused.value.fault, set(refused.value.pairs)) == ("PAIR_RING", {1, 2})
    with pytest.raises(PairFaultError, match="carry the same"):
        await warden.pairs.add(session="bob", source=number["room_a"], target="@room_b")
    assert [one.id for one in await warden.pairs.list()] == [1]


async def test_a_pair_is_not_changed_into_one_of_a_ring(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    groups(newsroom, "room_a", "room_b")
    tables["pairs"] = [
        pair(1, "alice", "@room_a", "@room_b", ring=True),
        pair(2, "bob", "@room_b", "@room_a", ring=True),
    ]
    newsroom.reconfigure(tables)
    warden = await newsroom.start()

    with pytest.raises(PairFaultError, match="say ring = true in each of them"):
        await warden.pairs.change(2, ring=False)
    await warden.pairs.change(2, enabled=False)
    await warden.pairs.change(2, ring=False)
    with pytest.raises(PairFaultError, match="make a ring"):
        await warden.pairs.change(2, enabled=True)


def test_a_configuration_with_a_ring_is_refused_with_every_ring_in_it(
    tables: dict[str, Any],
) -> None:
    tables["pairs"] = [
        pair(1, "alice", "@room_a", "@room_b"),
        pair(2, "bob", "@Room_B", "@room_a"),
        pair(3, "alice", "@room_c", "@room_d"),
        pair(4, "bob", "@room_c", "@room_d", deletes=False),
    ]

    with pytest.raises(ConfigError) as refused:
        parse_config(tables)

    assert "pairs 1 and 2 make a ring, @room_a -> @Room_B -> @room_a" in str(refused.value)
    assert "pairs 3 and 4 carry the same from @room_c to @room_d" in str(refused.value)


def test_what_was_decided_about_a_pair_stands_after_an_upgrade() -> None:
    from telewarden.actors import PairPlan

    plan = PairPlan(id=1, session="alice", source="@a", target="@b", topics={1: 2})

    assert fingerprint(plan) == "694b9a9cb1aaa81d71a11a1ae608ec8b"  # as earlier versions wrote it

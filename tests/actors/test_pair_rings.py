"""Pairs that would feed each other are told, whichever names and sessions hide it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.actors.registry.pair_plans import fingerprint
from telewarden.config import parse_config
from telewarden.errors import ConfigError, PairFaultError
from telewarden.loopback import CutConnection, Fault
from telewarden.telegram import PairPaused, PairResumed

from .conftest import ALICE, BOB, LOOK_EVERY, PRESS, SOON, Newsroom

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


async def test_a_pause_by_hand_stays_over_a_ring_that_goes(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    number = groups(newsroom, "room_a", "room_b")
    tables["pairs"] = [
        pair(1, "alice", "@room_a", "@room_b"),
        pair(2, "alice", number["room_b"], number["room_a"]),
    ]
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    ring = await newsroom.hears(PairPaused)

    both = await warden.pairs.pause(ring.pair, "holidays")
    since = newsroom.mark()
    await warden.pairs.resume(ring.pair)  # the ring is there still
    again = await newsroom.hears(PairPaused, since=since, pair=ring.pair)
    await warden.pairs.pause(ring.pair)
    await warden.pairs.remove(3 - ring.pair)
    since = newsroom.mark()
    await warden.pairs.resume(ring.pair)

    assert both.paused == f"paused by hand: holidays; besides: {ring.reason}"
    assert again.reason == ring.reason
    await newsroom.hears(PairResumed, since=since, pair=ring.pair)


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


def ring_of(newsroom: Newsroom, tables: dict[str, Any], mode: str, *names: str) -> None:
    """A wanted ring through these rooms, served by alice and bob in turn."""
    groups(newsroom, *names)
    tables["pairs"] = [
        pair(n, ("bob", "alice")[n % 2], f"@{a}", f"@{b}", ring=True, mode=mode)
        for n, (a, b) in enumerate(zip(names, [*names[1:], names[0]], strict=True), start=1)
    ]
    newsroom.reconfigure(tables)


def says(newsroom: Newsroom, room: str, *texts: str) -> None:
    for text in texts:
        newsroom.telegram.post(newsroom.chats[room], text, author=newsroom.account(PRESS))


async def each_holds(newsroom: Newsroom, texts: list[str], *rooms: str) -> None:
    """Wait until each room holds these texts, each once, and nothing is on its way any more."""
    await newsroom.until(lambda: all(len(newsroom.texts(room)) >= len(texts) for room in rooms))
    async with asyncio.timeout(SOON):
        while any(one.waiting for one in (await newsroom.pairs()).values()):
            await asyncio.sleep(LOOK_EVERY)
    for room in rooms:
        assert sorted(newsroom.texts(room)) == sorted(texts), room


@pytest.mark.parametrize("mode", ["copy", "forward"])
@pytest.mark.parametrize("rooms", [("room_a", "room_b"), ("room_a", "room_b", "room_c")])
async def test_in_a_wanted_ring_each_chat_has_each_message_once(
    newsroom: Newsroom, tables: dict[str, Any], mode: str, rooms: tuple[str, ...]
) -> None:
    ring_of(newsroom, tables, mode, *rooms)
    await newsroom.start()

    for room in rooms:
        says(newsroom, room, f"{room} 1", f"{room} 2", "the same")

    said = [f"{room} {n}" for room in rooms for n in (1, 2)] + ["the same"] * len(rooms)
    await each_holds(newsroom, said, *rooms)


async def test_what_went_round_does_not_go_round_again_after_a_restart(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ring_of(newsroom, tables, "copy", "room_a", "room_b")
    await newsroom.start()
    await newsroom.warden.pairs.pause(2)
    says(newsroom, "room_a", "one", "two")
    await newsroom.arrives("room_b", "one", "two")
    await newsroom.stop()
    says(newsroom, "room_b", "three")

    await newsroom.start()
    await newsroom.warden.pairs.resume(2)
    says(newsroom, "room_a", "four")

    await each_holds(newsroom, ["one", "two", "three", "four"], "room_a", "room_b")


@pytest.mark.parametrize("mode", ["copy", "forward"])
async def test_a_copy_whose_answer_was_lost_does_not_come_back(
    newsroom: Newsroom, tables: dict[str, Any], mode: str
) -> None:
    ring_of(newsroom, tables, mode, "room_a", "room_b")
    await newsroom.start()
    method = "messages.sendMessage" if mode == "copy" else "messages.forwardMessages"
    cut = CutConnection(executed=True)
    newsroom.telegram.faults.add(Fault(method=method, times=2, action=cut))

    says(newsroom, "room_a", "one")
    await newsroom.arrives("room_b", "one")
    says(newsroom, "room_b", "two")

    await each_holds(newsroom, ["one", "two"], "room_a", "room_b")


async def test_rings_of_two_among_three_chats_carry_each_message_once_into_each(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    rooms = ("room_a", "room_b", "room_c")
    groups(newsroom, *rooms)
    ways = [(a, b) for a in rooms for b in rooms if a != b]
    tables["pairs"] = [
        pair(n, ("bob", "alice")[n % 2], f"@{a}", f"@{b}", ring=True, mode="copy")
        for n, (a, b) in enumerate(ways, start=1)
    ]
    newsroom.reconfigure(tables)
    await newsroom.start()

    for room in rooms:
        says(newsroom, room, f"said in {room}", "hello")

    said = [f"said in {room}" for room in rooms] + ["hello"] * 3
    await each_holds(newsroom, said, *rooms)


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

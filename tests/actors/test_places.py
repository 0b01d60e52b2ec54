"""Chats that change number or name: what a pair knows stays, and where a chat goes it follows."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import types

from telewarden.errors import InvalidRecordError
from telewarden.loopback import Answer, ChatHandle, Fault, RpcError
from telewarden.telegram import PairPaused, PairResumed

from .conftest import ALICE, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


HISTORY, DIALOGS = "messages.getHistory", "messages.getDialogs"


def one_pair(
    newsroom: Newsroom, tables: dict[str, Any], source: int | str, target: int | str, **more: Any
) -> None:
    """Alice's session alone, with one pair that copies, and a look at it every second."""
    tables["sessions"] = tables["sessions"][:1]
    pair = {"id": 1, "session": "alice", "source": source, "target": target, "mode": "copy"}
    tables["pairs"] = [pair]
    tables |= more
    newsroom.reconfigure(tables)


def group(newsroom: Newsroom) -> ChatHandle:
    alice, press = newsroom.account(ALICE), newsroom.account(PRESS)
    return newsroom.telegram.add_group("Few", owner=press, members=[alice])


def stranger(newsroom: Newsroom, name: str) -> ChatHandle:
    """A chat that takes a name which was given up, and which alice sees."""
    press, alice = newsroom.account(PRESS), newsroom.account(ALICE)
    chat = newsroom.telegram.add_channel("Stranger", owner=press, username=name)
    chat.join(alice)
    return chat


# Numbers


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_channels_bare_number_is_taken_for_the_channel(
    newsroom: Newsroom, tables: dict[str, Any], side: str
) -> None:
    bare = newsroom.chats["news_in" if side == "source" else "news_out"].id
    ways = (bare, "@news_out") if side == "source" else ("@news_in", bare)
    one_pair(newsroom, tables, *ways)
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")

    await newsroom.stop()
    newsroom.say("news_in", "while it was away")
    await newsroom.start(signed_in=False)

    await newsroom.arrives("news_out", "one", "while it was away")


async def test_a_channels_number_with_a_minus_alone_is_taken_for_the_channel(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    one_pair(newsroom, tables, -newsroom.chats["news_in"].id, "@news_out")
    await newsroom.start()

    newsroom.say("news_in", "one")

    await newsroom.arrives("news_out", "one")


async def test_a_number_that_is_no_chat_pauses_the_pair(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    one_pair(newsroom, tables, 1_999_999_999, "@news_out")
    await newsroom.start()

    pair = (await newsroom.pairs())[1]

    assert pair.paused is not None
    assert pair.paused.startswith("1999999999: PEER_UNKNOWN")


# Names


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_chat_that_gives_its_name_to_a_stranger_stays_the_pairs_own(
    newsroom: Newsroom, tables: dict[str, Any], side: str
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out")
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    name = "news_in" if side == "source" else "news_out"
    newsroom.chats[name].rename("other_name")
    other = newsroom.telegram.add_channel(
        "Stranger", owner=newsroom.account(PRESS), username=name, megagroup=True
    )
    newsroom.say("news_in", "two")

    await newsroom.start(signed_in=False)
    newsroom.telegram.post(other, "a stranger's words")
    newsroom.say("news_in", "three")

    await newsroom.arrives("news_out", "one", "two", "three")
    assert other.texts == ["a stranger's words"]


async def renamed(newsroom: Newsroom, tables: dict[str, Any]) -> ChatHandle:
    """A pair paused because its source's name means a stranger; returns the stranger."""
    one_pair(newsroom, tables, "@news_in", "@news_out")
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    newsroom.chats["news_in"].rename("other_name")
    other = stranger(newsroom, "news_in")
    newsroom.telegram.post(other, "a stranger's words")
    await newsroom.stop()  # the stranger has been heard of by now
    await newsroom.start(signed_in=False)
    await newsroom.hears(PairPaused, pair=1)
    return other


async def test_a_name_that_means_another_chat_pauses_the_pair_and_says_so(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    other = await renamed(newsroom, tables)
    newsroom.say("news_in", "two")

    reason = (await newsroom.pairs())[1].paused

    assert reason is not None
    assert reason.startswith("NAME_MOVED: @news_in means the chat ")
    assert str(other.peer_id) in reason
    assert str(newsroom.chats["news_in"].peer_id) in reason


async def test_a_pair_that_is_confirmed_stays_with_the_chat_it_has(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    other = await renamed(newsroom, tables)
    newsroom.say("news_in", "two")

    plan = await newsroom.warden.pairs.confirm(1)

    await newsroom.arrives("news_out", "one", "two")
    newsroom.telegram.post(other, "more of them")
    await newsroom.stop()
    newsroom.say("news_in", "three")
    await newsroom.start(signed_in=False)
    await newsroom.arrives("news_out", "one", "two", "three")
    assert plan.source == newsroom.chats["news_in"].peer_id


@pytest.mark.parametrize("take", [False, True], ids=["stay", "take"])
async def test_a_pair_whose_names_mean_its_chats_has_nothing_to_confirm_and_keeps_its_names(
    newsroom: Newsroom, tables: dict[str, Any], take: bool
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out")
    await newsroom.start()
    await newsroom.pairs_ready()
    await newsroom.warden.pairs.pause(1)

    with pytest.raises(InvalidRecordError, match="paused for NAME_MOVED"):
        await newsroom.warden.pairs.confirm(1, take=take)

    (plan,) = await newsroom.warden.pairs.list()
    assert (plan.source, plan.target) == ("@news_in", "@news_out")
    assert (await newsroom.pairs())[1].paused is not None


async def test_a_pair_may_be_told_to_take_the_chat_that_its_name_means_now(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    other = await renamed(newsroom, tables)
    since = newsroom.mark()

    await newsroom.warden.pairs.confirm(1, take=True)

    await newsroom.hears(PairResumed, since=since, pair=1)
    await newsroom.pairs_ready()
    newsroom.telegram.post(other, "from now on")
    newsroom.say("news_in", "not any more")
    await newsroom.arrives("news_out", "one", "from now on")


async def test_a_pause_by_hand_over_such_a_name_is_taken_back_by_itself(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    await renamed(newsroom, tables)
    moved = (await newsroom.pairs())[1].paused

    paused = await newsroom.warden.pairs.pause(1, "holidays")
    resumed = await newsroom.warden.pairs.resume(1)

    assert paused.paused == f"paused by hand: holidays; besides: {moved}"
    assert resumed.paused == moved


@pytest.mark.parametrize("take", [False, True], ids=["stay", "take"])
async def test_such_a_name_is_settled_under_a_pause_by_hand(
    newsroom: Newsroom, tables: dict[str, Any], take: bool
) -> None:
    other = await renamed(newsroom, tables)
    await newsroom.warden.pairs.pause(1, "holidays")
    await newsroom.stop()
    await newsroom.start(signed_in=False)

    await newsroom.warden.pairs.confirm(1, take=take)
    paused = (await newsroom.pairs())[1].paused
    await newsroom.warden.pairs.resume(1)

    assert paused == "paused by hand: holidays"
    await newsroom.pairs_ready()
    chosen = other if take else newsroom.chats["news_in"]
    newsroom.telegram.post(chosen, "from now on")
    await newsroom.arrives("news_out", "one", "from now on")


async def test_a_pair_whose_table_names_another_source_begins_there_anew(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out")
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    other = stranger(newsroom, "other_in")
    one_pair(newsroom, tables, "@other_in", "@news_out")

    await newsroom.start(signed_in=False)
    await newsroom.pairs_ready()
    newsroom.say("news_in", "not any more")
    newsroom.telegram.post(other, "from now on")

    await newsroom.arrives("news_out", "one", "from now on")


# Access hashes


async def test_a_chat_that_no_dialog_tells_is_not_lost_by_being_looked_for(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    target = newsroom.chats["news_out"].peer_id
    one_pair(newsroom, tables, newsroom.chats["news_in"].peer_id, target)
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    none = types.messages.Dialogs([], [], [], [])
    newsroom.telegram.faults.add(Fault(method=DIALOGS, action=Answer(lambda _: none)))
    newsroom.telegram.faults.add(Fault(method=HISTORY, action=RpcError("PEER_ID_INVALID"), times=1))

    await newsroom.start(signed_in=False)
    newsroom.say("news_in", "two")

    await newsroom.arrives("news_out", "one", "two")


async def test_a_void_access_hash_is_looked_for_anew_among_the_dialogs(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    source = newsroom.chats["news_in"].peer_id
    one_pair(newsroom, tables, source, "@news_out")
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    newsroom.chats["news_in"].void_access_hash(newsroom.account(ALICE))
    newsroom.say("news_in", "two")

    await newsroom.start(signed_in=False)

    await newsroom.arrives("news_out", "one", "two")


VOID = ["PEER_ID_INVALID", "CHAT_ID_INVALID", "CHANNEL_INVALID"]


@pytest.mark.parametrize("name", VOID)
async def test_a_chat_that_is_not_taken_once_is_located_anew_and_read(
    newsroom: Newsroom, tables: dict[str, Any], name: str
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out")
    calls = newsroom.telegram.stats.calls
    newsroom.telegram.faults.add(Fault(method=HISTORY, action=RpcError(name), times=1))

    await newsroom.start()
    newsroom.say("news_in", "one")

    await newsroom.arrives("news_out", "one")
    assert calls[DIALOGS] == 1


@pytest.mark.parametrize("name", VOID)
async def test_a_chat_that_is_never_taken_pauses_the_pair_with_the_reason(
    newsroom: Newsroom, tables: dict[str, Any], name: str
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out", health={"recheck_initial": 0.05})
    calls = newsroom.telegram.stats.calls
    never = newsroom.telegram.faults.add(Fault(method=HISTORY, action=RpcError(name)))

    await newsroom.start()
    paused = await newsroom.hears(PairPaused, pair=1)
    assert (calls[HISTORY], calls[DIALOGS]) == (2, 1)
    newsroom.telegram.faults.remove(never)
    newsroom.say("news_in", "one")

    await newsroom.hears(PairResumed, pair=1)
    await newsroom.until(lambda: newsroom.texts("news_out") in ([], ["one"]))
    assert paused.reason.startswith(f"{name}: ")


async def test_a_pair_that_goes_while_its_chat_is_looked_for_keeps_no_other_from_being_so(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    one_pair(newsroom, tables, "@news_in", "@news_out")
    alice, telegram = newsroom.account(ALICE), newsroom.telegram
    for name in ("more_in", "more_out"):
        newsroom.chats[name] = telegram.add_channel(name, owner=alice, username=name)
    warden = await newsroom.start()
    await warden.pairs.add(session="alice", source="@more_in", target="@more_out")
    newsroom.say("more_in", "one")
    await newsroom.arrives("more_out", "one")
    calls = telegram.stats.calls

    for times in (2, 1):  # both pairs look for their chats, one of them goes, and the other again
        asked = calls[HISTORY]
        telegram.faults.add(Fault(method=HISTORY, action=RpcError(VOID[0]), times=times))
        telegram.cut(alice)
        await newsroom.until(lambda asked=asked, n=times: calls[HISTORY] >= asked + n)  # type: ignore[misc]
        if times == 2:
            await warden.pairs.remove(1)
            await newsroom.until(lambda asked=asked: calls[HISTORY] > asked + 2)  # type: ignore[misc]
    newsroom.say("more_in", "two")

    await newsroom.arrives("more_out", "one", "two")


# Upgrades


@pytest.mark.parametrize("away", [False, True], ids=["while it listens", "while it is away"])
async def test_a_source_that_is_upgraded_is_read_to_its_end_and_then_from_its_new_start(
    newsroom: Newsroom, tables: dict[str, Any], away: bool
) -> None:
    old = group(newsroom)
    one_pair(newsroom, tables, old.peer_id, "@news_out")
    await newsroom.start()
    newsroom.telegram.post(old, "one")
    await newsroom.arrives("news_out", "one")
    if away:
        await newsroom.stop()

    newsroom.telegram.post(old, "the last of it")
    new = old.upgrade()
    newsroom.telegram.post(new, "the first here")
    newsroom.telegram.post(new, "the second here")
    if away:
        await newsroom.start(signed_in=False)
    said = ["one", "the last of it", "the first here", "the second here"]
    await newsroom.arrives("news_out", *said)
    newsroom.telegram.post(new, "and on")
    await newsroom.arrives("news_out", *said, "and on")

    await newsroom.stop()
    newsroom.telegram.post(new, "while it was away")
    await newsroom.start(signed_in=False)
    await newsroom.arrives("news_out", *said, "and on", "while it was away")
    first = next(one for one in new.messages if one.text == "the first here")
    new.edit_message(first, "edited here")
    await newsroom.until(lambda: "edited here" in newsroom.texts("news_out"))


async def test_an_upgrade_that_nobody_told_is_seen_at_the_next_look(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    old = group(newsroom)
    one_pair(newsroom, tables, old.peer_id, "@news_out", health={"groups_every": 0.5})
    await newsroom.start()
    newsroom.telegram.pushes.hold(newsroom.account(ALICE))

    new = old.upgrade()
    newsroom.telegram.post(new, "here")

    await newsroom.arrives("news_out", "here")


async def test_what_waits_for_a_flood_goes_before_the_supergroup_is_followed(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    old = group(newsroom)
    one_pair(newsroom, tables, old.peer_id, "@news_out")
    warden = await newsroom.start()
    await warden.pairs.pause(1)
    newsroom.telegram.post(old, "one")
    newsroom.telegram.post(old, "two")
    new = old.upgrade()
    newsroom.telegram.post(new, "three")

    await warden.pairs.resume(1)

    await newsroom.arrives("news_out", "one", "two", "three")


@pytest.mark.parametrize("away", [False, True], ids=["while it listens", "while it is away"])
async def test_a_target_that_is_upgraded_is_written_into_where_it_has_gone(
    newsroom: Newsroom, tables: dict[str, Any], away: bool
) -> None:
    old = group(newsroom)
    one_pair(newsroom, tables, "@news_in", old.peer_id)
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.until(lambda: old.texts == ["one"])
    if away:
        await newsroom.stop()

    new = old.upgrade()
    newsroom.say("news_in", "two")
    if away:
        await newsroom.start(signed_in=False)
    await newsroom.until(lambda: new.texts == ["two"])
    newsroom.say("news_in", "three")

    await newsroom.until(lambda: new.texts == ["two", "three"])
    assert old.texts == ["one"]


async def test_both_ends_of_a_pair_may_be_upgraded(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    source, target = group(newsroom), group(newsroom)
    one_pair(newsroom, tables, source.peer_id, target.peer_id)
    await newsroom.start()
    newsroom.telegram.post(source, "one")
    await newsroom.until(lambda: target.texts == ["one"])

    new_target, new_source = target.upgrade(), source.upgrade()
    newsroom.telegram.post(new_source, "two")

    await newsroom.until(lambda: new_target.texts == ["two"])

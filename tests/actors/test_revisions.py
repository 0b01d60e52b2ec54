"""What is told of a message while it is on its way: edited or deleted before its copy is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from telewarden.actors import PairPlan
from telewarden.actors.forwarding.pair.batching import Change
from telewarden.actors.forwarding.pair.pair_queue import UnderWay
from telewarden.actors.forwarding.pair.revisions import KEPT, Revisions
from telewarden.actors.forwarding.pair.state import HELD_LIMIT, PairState
from telewarden.actors.forwarding.pair.state_table import Reading
from telewarden.errors import DrillError
from telewarden.loopback import CutConnection, Delay, Fault, FloodWait, Message, Refuse, RpcError
from telewarden.supervision import ChildFailed
from telewarden.telegram import DeadLettered, FloodBegan, Forwarded, Incoming, SessionRecovered

from .conftest import BOB, Newsroom, go_live

pytestmark = pytest.mark.actors

LATE = 0.7  # seconds by which an answer with history is late


def said(number: int, text: str = "", *, edited: float | None = None) -> Incoming:
    return Incoming(
        chat=-1001,
        id=number,
        date=datetime.fromtimestamp(0, tz=UTC),
        text=text,
        edited=None if edited is None else datetime.fromtimestamp(edited, tz=UTC),
    )


# The pure part


def test_of_two_edits_the_newer_one_is_known_in_whatever_order_they_are_told() -> None:
    revisions = Revisions()
    newer, older = said(1, "b", edited=20.0), said(1, "a", edited=10.0)

    told = [revisions.edited(newer), revisions.edited(older)]

    assert told == [True, False]
    assert revisions.newest(said(1, "first")) is newer


def test_of_two_edits_within_a_second_the_one_that_is_told_last_is_the_newer() -> None:
    revisions = Revisions()
    revisions.edited(said(1, "a", edited=10.0))
    revisions.edited(said(1, "b", edited=10.0))

    assert revisions.newest(said(1, "read", edited=10.0)) == said(1, "b", edited=10.0)


def test_an_answer_that_is_newer_than_what_was_told_is_believed() -> None:
    revisions = Revisions()
    revisions.edited(said(1, "a", edited=10.0))

    assert revisions.newest(said(1, "read", edited=11.0)) == said(1, "read", edited=11.0)


def test_what_is_gone_stays_gone() -> None:
    revisions = Revisions()
    revisions.gone(1)

    assert not revisions.edited(said(1, "late", edited=99.0))
    assert revisions.newest(said(1)) is None


def test_of_too_many_revisions_the_oldest_are_forgotten_and_that_is_known() -> None:
    revisions = Revisions()
    for number in range(KEPT):
        revisions.gone(number)
    before = revisions.lossy

    revisions.gone(KEPT)

    assert (before, revisions.lossy, len(revisions)) == (False, True, KEPT)
    assert not revisions.knows(0)


@pytest.fixture
def state() -> PairState:
    return PairState(plan=PairPlan(id=1, session="alice", source=-1001, target=2), seen=5)


def test_a_pair_that_forgot_revisions_looks_at_its_source_again(state: PairState) -> None:
    state.comparison.end()
    state.hold(said(0))
    state.told_gone([0])
    state.revisions.lossy = True

    state.tidy()

    assert state.comparison.due
    assert state.comparison.older_due
    assert state.revisions.knows(0)  # it is still on its way


def test_what_is_told_of_a_message_that_is_not_on_its_way_is_not_kept(state: PairState) -> None:
    assert state.told_edited(said(3, "news"))
    state.told_gone([4])

    assert not state.revisions


def test_held_messages_are_admitted_as_they_are_by_now(state: PairState) -> None:
    for number in (6, 7, 8):
        state.hold(said(number, "draft"))
    state.told_edited(said(6, "corrected", edited=1.0))
    state.told_gone([7])

    admitted = state.admit(state.release())

    assert [(one.id, one.text) for one in admitted] == [(6, "corrected"), (8, "draft")]
    assert state.seen == 8


def test_a_message_that_is_told_again_is_not_on_its_way_again(state: PairState) -> None:
    for number in (5, 6):  # 5 has been seen
        state.hold(said(number))

    assert [state.on_its_way(number) for number in (5, 6)] == [False, True]
    assert state.held_back() == {6}


def test_the_oldest_of_too_many_held_messages_is_remembered(state: PairState) -> None:
    for number in range(6, 6 + HELD_LIMIT + 3):
        state.hold(said(number))

    assert (state.start_mark(2000), state.release()) == (5, [])


def test_a_pair_that_goes_on_counts_nothing_as_seen_before_it_has_read(state: PairState) -> None:
    go_live(state)
    state.pause("why")

    state.resume()

    assert state.reading is Reading.LOCATING


def test_an_edit_back_to_what_is_just_being_made_comes_behind_the_one_between(
    state: PairState,
) -> None:
    made, between, back = (Change(1, said(1, text)) for text in ("a", "b", "a"))
    state.queue.enqueue((made,))
    state.queue.begin(UnderWay(1, (made,)))

    state.queue.put_change(between)
    state.queue.put_change(back)

    assert list(state.queue) == [made, back]


def test_the_same_edit_is_not_made_again_while_it_is_made(state: PairState) -> None:
    made = Change(1, said(1, "a"))
    state.queue.enqueue((made,))
    state.queue.begin(UnderWay(1, (made,)))

    state.queue.put_change(Change(1, said(1, "a")))

    assert list(state.queue) == [made]


def test_an_older_edit_takes_no_newer_ones_place_and_a_deletion_takes_any(
    state: PairState,
) -> None:
    newer = Change(1, said(1, "b", edited=20.0))
    state.queue.put_change(newer)
    state.queue.put_change(Change(1, said(1, "a", edited=10.0)))
    assert list(state.queue) == [newer]

    state.queue.put_change(Change(1))
    state.queue.put_change(Change(1, said(1, "c", edited=30.0)))
    assert list(state.queue) == [Change(1)]


def test_what_a_handler_does_goes_on_while_the_session_is_away(state: PairState) -> None:
    class Handler:
        async def deliver(self, handed: object) -> None: ...

        async def close(self) -> None: ...

    items = (said(6),)
    state.queue.enqueue(items)
    state.queue.begin(UnderWay(1, items))
    state.give_handler(Handler())

    assert state.interrupt(0.0) == ()
    assert state.queue.under_way == UnderWay(1, items)

    state.give_handler(None)
    assert state.interrupt(0.0) == items
    assert state.doubts.messages == {6}


# A whole warden


def post(newsroom: Newsroom, text: str) -> Message:
    return newsroom.telegram.post(newsroom.chats["market_in"], text)


def be_late(newsroom: Newsroom, method: str) -> Any:
    """Let the next answer to a method of bob's be late: what it says is of now."""
    return newsroom.telegram.faults.add(
        Fault(
            method=method,
            times=1,
            account=newsroom.account(BOB),
            action=Delay(LATE, executed=True),
        )
    )


def lose_answer(newsroom: Newsroom, method: str = "messages.sendMessage") -> Any:
    """Let the next call of a method of bob's be carried out, and fail."""
    return newsroom.telegram.faults.add(
        Fault(
            method=method,
            times=1,
            account=newsroom.account(BOB),
            action=RpcError("RPC_CALL_FAIL", 500, executed=True),
        )
    )


async def test_what_is_held_back_goes_as_it_is_by_then(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"groups_every": 0.3}  # a look at the source: what comes meanwhile is held
    newsroom.reconfigure(tables)
    await newsroom.start()
    late = be_late(newsroom, "messages.getHistory")
    await newsroom.until(lambda: late.struck == 1)
    edited, gone = post(newsroom, "draft"), post(newsroom, "regretted")

    newsroom.chats["market_in"].edit_message(edited, "corrected")
    newsroom.chats["market_in"].delete_messages([gone])
    post(newsroom, "after")

    await newsroom.arrives("market_out", "corrected", "after")


async def test_a_change_holds_that_is_told_before_the_history_it_changes_is_answered(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    away = newsroom.telegram.faults.add(Fault(method="connect", action=Refuse()))
    newsroom.telegram.cut(newsroom.account(BOB))
    edited, gone = post(newsroom, "draft"), post(newsroom, "regretted")
    late = be_late(newsroom, "messages.getHistory")
    newsroom.telegram.faults.remove(away)
    await newsroom.until(lambda: late.struck == 1)

    newsroom.chats["market_in"].edit_message(edited, "corrected")
    newsroom.chats["market_in"].delete_messages([gone])
    post(newsroom, "after")

    await newsroom.arrives("market_out", "corrected", "after")


async def test_the_past_goes_as_it_is_by_the_time_its_page_is_answered(newsroom: Newsroom) -> None:
    edited, gone = post(newsroom, "draft"), post(newsroom, "regretted")
    await newsroom.start()
    late = be_late(newsroom, "messages.getHistory")
    await newsroom.warden.pairs.backfill(2)
    await newsroom.until(lambda: late.struck == 1)

    newsroom.chats["market_in"].edit_message(edited, "corrected")
    newsroom.chats["market_in"].delete_messages([gone])

    await newsroom.until(lambda: newsroom.texts("market_out") == ["corrected"])


async def test_a_late_comparison_makes_no_older_edit_over_a_newer_one(newsroom: Newsroom) -> None:
    await newsroom.start()
    message = post(newsroom, "first")
    await newsroom.arrives("market_out", "first")
    await newsroom.stop()
    newsroom.chats["market_in"].edit_message(message, "second")
    newsroom.chats["market_in"].forget_updates()  # only a comparison finds that out
    late = be_late(newsroom, "channels.getMessages")
    await newsroom.start()
    await newsroom.until(lambda: late.struck == 1)

    newsroom.chats["market_in"].edit_message(message, "third")
    await newsroom.until(lambda: newsroom.texts("market_out") == ["third"])
    post(newsroom, "after")
    await newsroom.until(lambda: "after" in newsroom.texts("market_out"))

    assert newsroom.texts("market_out") == ["third", "after"]


@pytest.mark.parametrize(
    "edits",
    [["second", "second"], ["second", "third"], ["second", "first"], ["second", "first", "third"]],
)
async def test_a_copy_whose_answer_was_lost_says_what_its_source_says_last(
    newsroom: Newsroom, edits: list[str]
) -> None:
    await newsroom.start()
    lost = lose_answer(newsroom)
    message = post(newsroom, "first")
    await newsroom.until(lambda: lost.struck == 1)

    for text in edits:
        newsroom.chats["market_in"].edit_message(message, text)
    post(newsroom, "after")

    await newsroom.until(lambda: newsroom.texts("market_out") == [edits[-1], "after"])


async def test_a_copy_that_had_arrived_unseen_and_is_outdated_is_told_and_counted(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    lost = lose_answer(newsroom)
    message = post(newsroom, "first")
    await newsroom.until(lambda: lost.struck == 1)
    newsroom.chats["market_in"].edit_message(message, "second")

    told = await newsroom.hears(Forwarded, pair=2, source_id=message.id)

    await newsroom.until(lambda: newsroom.texts("market_out") == ["second"])
    assert told.target_id == newsroom.chats["market_out"].messages[0].id
    assert len([one for one in newsroom.heard if isinstance(one, Forwarded)]) == 1


@pytest.mark.crashes("*:bob/groups/group-1", DrillError)
async def test_an_edit_that_is_told_while_a_group_reads_its_pairs_from_the_disk_is_made(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    messages = [post(newsroom, f"news {n}") for n in range(60)]
    await newsroom.arrives("market_out", *(one.text for one in messages))
    await newsroom.stop()  # so that all of them are known to have arrived
    await newsroom.start()
    # No comparison with the source makes up for an edit that was told.
    newsroom.telegram.faults.add(
        Fault(
            method="channels.getMessages",
            account=newsroom.account(BOB),
            action=RpcError("RPC_CALL_FAIL"),
        )
    )

    path = "sessions/session:bob/groups/group-1"
    crash = asyncio.ensure_future(newsroom.warden.drill(path))
    await newsroom.hears(ChildFailed, child=path)
    for message in messages:
        newsroom.chats["market_in"].edit_message(message, f"{message.text}, corrected")
        await asyncio.sleep(0)  # all the time that the group takes to be back
    await crash

    await newsroom.until(
        lambda: newsroom.texts("market_out") == [f"news {n}, corrected" for n in range(60)]
    )


@pytest.mark.parametrize("edits", [["second", "first"], ["second", "third"]])
async def test_a_copy_whose_edit_was_made_unseen_says_what_its_source_says_last(
    newsroom: Newsroom, edits: list[str]
) -> None:
    await newsroom.start()
    message = post(newsroom, "first")
    await newsroom.arrives("market_out", "first")
    lost = lose_answer(newsroom, "messages.editMessage")

    newsroom.chats["market_in"].edit_message(message, edits[0])
    await newsroom.until(lambda: lost.struck == 1)
    for text in edits[1:]:
        newsroom.chats["market_in"].edit_message(message, text)
    post(newsroom, "after")

    await newsroom.until(lambda: newsroom.texts("market_out") == [edits[-1], "after"])


async def test_all_that_a_copy_may_say_survives_a_stop(newsroom: Newsroom) -> None:
    await newsroom.start()
    never = newsroom.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            account=newsroom.account(BOB),
            action=RpcError("RPC_CALL_FAIL", 500, executed=False),
        )
    )
    message = post(newsroom, "first")
    await newsroom.until(lambda: never.struck == 1)
    newsroom.chats["market_in"].edit_message(message, "second")  # this is what arrives, unseen
    newsroom.telegram.faults.remove(never)
    lost = lose_answer(newsroom)
    await newsroom.until(lambda: lost.struck == 1)
    await newsroom.stop()

    newsroom.chats["market_in"].edit_message(message, "third")
    await newsroom.start()

    await newsroom.until(lambda: newsroom.texts("market_out") == ["third"])


async def test_a_copy_goes_that_stands_before_one_that_is_known_by_now(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")
    lost = newsroom.telegram.faults.add(
        Fault(
            method="messages.forwardMessages",
            times=1,
            action=RpcError("RPC_CALL_FAIL", 500, executed=True),
        )
    )
    newsroom.say("news_in", "one", "two")
    await newsroom.until(lambda: lost.struck == 1)
    await newsroom.until(lambda: "one" in newsroom.texts("news_out"))

    chat = newsroom.chats["news_in"]
    chat.delete_messages([message for message in chat.messages if message.text == "one"])
    newsroom.say("news_in", "after")

    await newsroom.until(lambda: newsroom.texts("news_out") == ["before", "two", "after"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda chat, message: chat.edit_message(message, "edited"), ["edited", "two"]),
        (lambda chat, message: chat.delete_messages([message]), ["two"]),
    ],
    ids=["edited", "deleted"],
)
async def test_a_copy_follows_a_source_that_is_changed_as_the_session_returns(
    newsroom: Newsroom, change: Callable[[Any, Message], None], told: list[str]
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.sendMessage", times=1, action=CutConnection(executed=True))
    )
    since = newsroom.mark()
    message = post(newsroom, "one")
    await newsroom.arrives("market_out", "one")

    change(newsroom.chats["market_in"], message)
    await newsroom.hears(SessionRecovered, since=since)
    post(newsroom, "two")

    await newsroom.until(lambda: newsroom.texts("market_out") == told)


async def test_what_waits_for_a_flood_goes_as_it_is_when_the_flood_is_over(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            times=1,
            account=newsroom.account(BOB),
            action=FloodWait(2),
        )
    )
    gone, edited = post(newsroom, "regretted"), post(newsroom, "draft")
    await newsroom.hears(FloodBegan, session="bob")

    newsroom.chats["market_in"].delete_messages([gone])
    newsroom.chats["market_in"].edit_message(edited, "corrected")

    await newsroom.arrives("market_out", "corrected")
    (copy,) = newsroom.chats["market_out"].messages
    assert copy.edit_date is None


async def test_a_message_that_a_rule_cannot_be_applied_to_is_a_dead_letter_and_no_more(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"][1]["replace"] = [{"find": r"(x+x+)+y", "with": "z", "regex": True}]
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.say("market_in", "one", "x" * 4000, "two")
    dead = await newsroom.hears(DeadLettered, pair=2)
    await newsroom.arrives("market_out", "one", "two")

    assert dead.reason.startswith("RULE_FAILED")
    assert "xxxx" not in dead.reason
    (letter,) = await newsroom.warden.pairs.dead(2)
    assert letter.source_id == dead.source_id
    await newsroom.stop()
    newsroom.say("market_in", "three")
    await newsroom.start()
    await newsroom.arrives("market_out", "one", "two", "three")

"""What is said in a source arrives in its target: once, in order, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.console.commands.catalogue import find
from telewarden.errors import DrillError
from telewarden.loopback import Fault, FloodWait, RpcError
from telewarden.supervision import ChildStarted
from telewarden.telegram import (
    CaughtUp,
    DeadLettered,
    FloodBegan,
    FloodEnded,
    Health,
    PairPaused,
    SessionRecovered,
)

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

SESSION = "sessions/session:alice/session"
GROUP = "sessions/session:alice/groups/group-1"


async def test_messages_arrive_in_the_order_they_were_said(newsroom: Newsroom) -> None:
    await newsroom.start()

    newsroom.say("news_in", *(f"news {n}" for n in range(20)))
    newsroom.say("market_in", *(f"market {n}" for n in range(20)))

    await newsroom.arrives("news_out", *(f"news {n}" for n in range(20)))
    await newsroom.arrives("market_out", *(f"market {n}" for n in range(20)))


async def test_what_was_said_before_a_pair_began_is_not_forwarded(newsroom: Newsroom) -> None:
    newsroom.say("news_in", "old news")
    await newsroom.start()

    newsroom.say("news_in", "news")

    await newsroom.arrives("news_out", "news")


async def test_a_copy_carries_no_forward_header_and_a_forward_does(newsroom: Newsroom) -> None:
    await newsroom.start()

    newsroom.say("news_in", "news")
    newsroom.say("market_in", "market")
    await newsroom.arrives("news_out", "news")
    await newsroom.arrives("market_out", "market")

    assert newsroom.chats["news_out"].messages[0].forward is not None
    assert newsroom.chats["market_out"].messages[0].forward is None


async def test_what_is_said_while_the_warden_is_down_arrives_after_its_restart(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("news_in", "before")
    await newsroom.arrives("news_out", "before")
    await newsroom.stop()

    newsroom.say("news_in", *(f"meanwhile {n}" for n in range(150)))
    await newsroom.start()
    newsroom.say("news_in", "after")

    await newsroom.arrives("news_out", "before", *(f"meanwhile {n}" for n in range(150)), "after")


@pytest.mark.parametrize(
    "path", [SESSION, GROUP, "journal", "gateway", "sessions", "registry", "health"]
)
@pytest.mark.crashes("*", DrillError)
@pytest.mark.crashes("sessions/*", dropped="*", possible=True)
async def test_a_crash_under_load_loses_and_doubles_nothing(newsroom: Newsroom, path: str) -> None:
    warden = await newsroom.start()
    said = [f"news {n}" for n in range(60)]

    for number, text in enumerate(said):
        newsroom.say("news_in", text)
        if number in {10, 30, 50}:
            since = newsroom.mark()
            await warden.drill(path)
            await newsroom.hears(ChildStarted, since=since, child=path, restarted=True)

    await newsroom.arrives("news_out", *said)


async def test_a_cut_line_loses_and_doubles_nothing(newsroom: Newsroom) -> None:
    await newsroom.start()
    said = [f"news {n}" for n in range(40)]

    for number, text in enumerate(said):
        newsroom.say("news_in", text)
        if number in {10, 25}:
            since = newsroom.mark()
            newsroom.telegram.cut(newsroom.account(ALICE))
            await newsroom.hears(SessionRecovered, since=since, cause="connection lost")

    await newsroom.arrives("news_out", *said)


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_crash_of_one_session_does_not_touch_the_other(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    before = (await warden.session("bob").report()).since

    await warden.drill(SESSION)
    await newsroom.hears(SessionRecovered, session="alice", cause="crash")

    assert (await warden.session("bob").report()).since == before


async def test_a_flood_parks_messages_and_lets_other_sessions_go_on(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(
            method="messages.forwardMessages",
            account=newsroom.account(ALICE),
            times=1,
            action=FloodWait(1),
        )
    )

    newsroom.say("news_in", "news 1", "news 2")
    flood = await newsroom.hears(FloodBegan, session="alice")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")
    assert newsroom.texts("news_out") == []
    await newsroom.hears(FloodEnded, session="alice")

    await newsroom.arrives("news_out", "news 1", "news 2")
    assert (flood.method, flood.seconds) == ("messages.forwardMessages", 1.0)


async def test_a_flood_deadline_outlives_the_process_and_is_not_called_early(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=FloodWait(3600))
    )
    newsroom.say("news_in", "news")
    await newsroom.hears(FloodBegan, session="alice")
    await newsroom.stop()
    asked = newsroom.telegram.stats.calls["messages.forwardMessages"]

    await newsroom.start()
    newsroom.say("news_in", "more")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")
    report = await newsroom.warden.session("alice").report()

    assert newsroom.telegram.stats.calls["messages.forwardMessages"] == asked
    assert report.until is not None
    assert report.until > report.since + 3500


async def test_a_message_whose_answer_was_lost_is_not_sent_twice(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("news_in", "news")
    await newsroom.arrives("news_out", "news")
    await newsroom.stop()
    newsroom.lose_answers()

    await newsroom.start()
    newsroom.say("news_in", "more")

    await newsroom.arrives("news_out", "news", "more")
    assert newsroom.telegram.stats.duplicates == 1


async def test_an_unsent_message_that_was_deleted_is_put_aside_with_the_reason(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=None, action=FloodWait(3600))
    )
    newsroom.say("news_in", "news")
    await newsroom.hears(FloodBegan)
    await newsroom.stop()
    newsroom.telegram.faults.clear()
    newsroom.chats["news_in"].delete_messages(newsroom.chats["news_in"].messages)

    await newsroom.start()
    dead = await newsroom.hears(DeadLettered)

    assert (dead.pair, dead.source_id) == (1, 1)
    assert "deleted at the source" in dead.reason


async def test_a_lost_right_pauses_the_pair_and_leaves_the_session_healthy(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=RpcError("CHAT_WRITE_FORBIDDEN"))
    )

    newsroom.say("news_in", "news")
    paused = await newsroom.hears(PairPaused)

    assert paused.pair == 1
    assert paused.reason.startswith("CHAT_WRITE_FORBIDDEN")
    assert (await warden.session("alice").report()).health is Health.HEALTHY
    assert (await newsroom.pairs())[1].waiting == 1


async def test_a_pause_by_hand_takes_the_place_of_trouble_and_of_an_earlier_one(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=RpcError("CHAT_WRITE_FORBIDDEN"))
    )
    newsroom.say("news_in", "news")
    await newsroom.hears(PairPaused)
    troubled = await warden.command("health", {})

    first = await warden.pairs.pause(1, "by me")
    second = await warden.pairs.pause(1, "moving house", seconds=7200.0)
    meant = await warden.command("health", {})
    await warden.pairs.resume(1)
    await newsroom.arrives("news_out", "news")

    exit_code = find("health").exit_code
    assert exit_code is not None
    assert (troubled.troubled, exit_code(troubled.model_dump())) == ((1,), 1)
    assert (meant.troubled, exit_code(meant.model_dump())) == ((), 0)
    assert first.paused == "paused by hand: by me"
    assert second.paused is not None
    assert second.paused.startswith("paused by hand: moving house, until 2")


async def test_a_chat_that_does_not_exist_pauses_its_pair_only(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"].append(
        {"id": 3, "session": "alice", "source": "@nobody_here", "target": "@news_out"}
    )
    newsroom.reconfigure(tables)

    await newsroom.start()
    newsroom.say("news_in", "news")

    await newsroom.arrives("news_out", "news")
    assert "@nobody_here" in str((await newsroom.pairs())[3].paused)


async def test_a_message_that_cannot_be_sent_is_put_aside_and_the_next_goes_on(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=RpcError("MESSAGE_ID_INVALID"))
    )

    newsroom.say("news_in", "bad")
    dead = await newsroom.hears(DeadLettered)
    newsroom.say("news_in", "good")

    await newsroom.arrives("news_out", "good")
    assert dead.reason.startswith("MESSAGE_ID_INVALID")


async def test_missed_history_is_told_as_an_event(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.say("market_in", "one", "two")

    await newsroom.start()
    caught_up = await newsroom.hears(CaughtUp, session="bob")

    assert caught_up.missed == 2


async def test_a_stop_under_load_leaves_nothing_half_sent(newsroom: Newsroom) -> None:
    await newsroom.start()
    said = [f"news {n}" for n in range(50)]
    newsroom.say("news_in", *said)
    await newsroom.until(lambda: len(newsroom.texts("news_out")) >= 5)

    await newsroom.stop()
    await newsroom.start()

    await newsroom.arrives("news_out", *said)


async def test_an_account_with_two_step_verification_comes_online(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    report = await warden.session("bob").report()

    assert report.user_id == newsroom.account(BOB).id

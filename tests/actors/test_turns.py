"""What waits for its turn to be sent is taken back when it is not to go any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from telewarden.actors import Pace
from telewarden.actors.session.send_queue import Parked, SendLater, SendNow, SendQueue
from telewarden.errors import DrillError
from telewarden.loopback import Fault, FloodWait, Message
from telewarden.supervision import ChildStarted
from telewarden.telegram import DeadLettered, FloodBegan, WaitKind

from .conftest import BOB, LOOK_EVERY, SOON, Newsroom
from .test_decisions import METHOD, batch, job
from .test_moves import let_bob_in

pytestmark = [pytest.mark.actors, pytest.mark.session]

NEVER = 1 / 600  # messages a second; the second one's turn comes after the test
SLOW = Pace(per_account=1000.0, per_chat=0.1, burst=1)


async def booked(newsroom: Newsroom, pair: int) -> None:
    """Wait until a pair's message waits for its turn; a group that came back reads it first."""
    async with asyncio.timeout(SOON):
        while True:
            report = (await newsroom.pairs()).get(pair)
            if report and any(one.kind is WaitKind.PACE for one in report.waits):
                return
            await asyncio.sleep(LOOK_EVERY)


@pytest.fixture
async def waiting(newsroom: Newsroom, tables: dict[str, Any], rate: float) -> Message:
    """Of what pair 1 is to forward "one" is there and "two", which this is, waits."""
    tables["pacing"] = {"per_account": 1000.0, "per_chat": rate, "burst": 1}
    let_bob_in(newsroom)
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    two = newsroom.telegram.post(newsroom.chats["news_in"], "two")
    await booked(newsroom, 1)
    return two


@pytest.mark.parametrize("rate", [NEVER])
async def test_one_that_is_deleted_while_it_waits_is_not_sent(
    newsroom: Newsroom, waiting: Message
) -> None:
    newsroom.chats["news_in"].delete_messages([waiting])

    await newsroom.hears(DeadLettered, pair=1, source_id=waiting.id)
    assert newsroom.texts("news_out") == ["one"]


@pytest.mark.parametrize("rate", [NEVER])
async def test_a_pair_moves_at_once_though_its_turn_is_far_away(
    newsroom: Newsroom, waiting: Message
) -> None:
    await newsroom.warden.pairs.reassign("1", "bob")

    await newsroom.arrives("news_out", "one", "two")


@pytest.mark.parametrize("rate", [NEVER])
async def test_a_pair_is_removed_at_once_though_its_turn_is_far_away(
    newsroom: Newsroom, waiting: Message
) -> None:
    await newsroom.warden.pairs.remove(1)

    assert [one.id for one in await newsroom.warden.pairs.list()] == [2]


@pytest.mark.parametrize("rate", [2.0])
async def test_a_paused_pair_sends_nothing_when_its_turn_comes(
    newsroom: Newsroom, waiting: Message
) -> None:
    await newsroom.warden.pairs.pause(1, "holidays")

    newsroom.say("market_in", "a", "b", "c")  # each half a second behind the one before
    await newsroom.arrives("market_out", "a", "b", "c")
    assert newsroom.texts("news_out") == ["one"]
    await newsroom.warden.pairs.resume(1)
    await newsroom.arrives("news_out", "one", "two")


@pytest.mark.parametrize("rate", [2.0])
async def test_a_pair_that_is_changed_sends_by_its_new_rules_when_its_turn_comes(
    newsroom: Newsroom, waiting: Message
) -> None:
    newsroom.say("market_in", "a")
    await newsroom.arrives("market_out", "a")
    newsroom.say("market_in", "b")
    await booked(newsroom, 2)

    await newsroom.warden.pairs.change(2, replace=[{"find": "b", "with": "better"}])

    await newsroom.arrives("market_out", "a", "better")


@pytest.mark.crashes("*:bob/groups/group-1", DrillError)
async def test_what_a_crashed_group_had_handed_over_is_not_sent_behind_its_back(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(
            method="messages.sendMessage",
            times=1,
            account=newsroom.account(BOB),
            action=FloodWait(2),
        )
    )
    gone = newsroom.telegram.post(newsroom.chats["market_in"], "regretted")
    await newsroom.hears(FloodBegan, session="bob")
    since = newsroom.mark()
    await warden.drill("sessions/session:bob/groups/group-1")
    await newsroom.hears(ChildStarted, child="sessions/session:bob/groups/group-1", since=since)
    await booked(newsroom, 2)

    newsroom.chats["market_in"].delete_messages([gone])
    newsroom.say("market_in", "kept")

    await newsroom.arrives("market_out", "kept")


# The place in line


def test_a_job_that_was_taken_back_does_not_go_when_its_turn_comes() -> None:
    outgoing = SendQueue(SLOW)
    outgoing.offer(job(1), METHOD, wall=0.0, now=0.0)
    late = job(2)
    outgoing.offer(late, METHOD, wall=0.0, now=0.0)

    assert outgoing.withdraw(1, 2) == late
    assert outgoing.withdraw(1, 2) is None
    assert outgoing.turn(late, METHOD, wall=10.0) is None


def test_what_is_offered_again_keeps_its_pairs_place_in_line() -> None:
    outgoing = SendQueue(SLOW)
    outgoing.offer(job(1), METHOD, wall=0.0, now=0.0)
    outgoing.offer(job(2), METHOD, wall=0.0, now=0.0)
    other = replace(job(3), pair=2)
    behind = outgoing.offer(other, METHOD, wall=0.0, now=0.0)

    for ticket in range(4, 40):  # it is edited again and again
        outgoing.withdraw(1, ticket - 1 if ticket > 4 else 2)
        again = outgoing.offer(job(ticket), METHOD, wall=0.0, now=5.0)
        assert again == SendLater(pytest.approx(5.0), job(ticket))

    assert behind == SendLater(pytest.approx(20.0), other)
    assert outgoing.turn(job(39), METHOD, wall=0.0) == SendNow(job(39))
    assert outgoing.turn(other, METHOD, wall=0.0) == SendNow(other)


def test_no_more_goes_in_a_place_in_line_than_was_booked() -> None:
    outgoing = SendQueue(SLOW)
    outgoing.offer(job(1), METHOD, wall=0.0, now=0.0)
    outgoing.offer(job(2), METHOD, wall=0.0, now=0.0)
    outgoing.withdraw(1, 2)

    several = replace(batch("copies", 8), ticket=3)

    assert outgoing.offer(several, METHOD, wall=0.0, now=9.0) == SendLater(
        pytest.approx(1.0), several.first(1)
    )


def test_a_turn_that_comes_in_a_flood_waits_for_its_end() -> None:
    outgoing = SendQueue(SLOW)
    outgoing.offer(job(1), METHOD, wall=0.0, now=0.0)
    outgoing.offer(job(2), METHOD, wall=0.0, now=0.0)
    outgoing.record_flood((METHOD, None), 50.0)

    assert outgoing.turn(job(2), METHOD, wall=10.0) == Parked((METHOD, None), 50.0, True)
    assert outgoing.release((METHOD, None), wall=50.0) == (job(2),)

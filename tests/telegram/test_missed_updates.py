"""What was missed: fetched through short troubles, or told as a gap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.loopback import CutConnection, Fault, RpcError
from telewarden.telegram import (
    Arrived,
    Deleted,
    Edited,
    ErrorClass,
    Gap,
    Lost,
    classify,
    history,
)

pytestmark = pytest.mark.telegram


class Impatient:
    """A sleep that notes how long it should have been, and does not take it."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        if seconds == 60:  # the keep-alive's rhythm, which is not under test here
            await asyncio.Event().wait()
        self.slept.append(seconds)


async def missing(line: Any, session: Any, *texts: str) -> None:
    """Have a known session miss some messages."""
    heard = line.heard()
    await line.open(line.alice, heard, session=session)
    line.tg.post(line.news, "seen", author=line.bob)
    await heard.until(Arrived)
    await line.gateway.close("alice")
    for text in texts:
        line.tg.post(line.news, text, author=line.bob)


async def test_missed_updates_are_fetched_through_short_trouble(line: Any) -> None:
    session, sleep = line.session(line.alice), Impatient()
    line.gateway = line.make_gateway(sleep=sleep)
    await missing(line, session, "one", "two")
    line.tg.faults.add(
        Fault(method="updates.getDifference", action=RpcError("RPC_CALL_FAIL", 500), times=2)
    )
    line.tg.faults.add(
        Fault(method="updates.getDifference", action=RpcError("FLOOD_WAIT_9"), times=1)
    )

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    told = await heard.until(Arrived, 2)
    assert [one.message.text for one in told] == ["one", "two"]
    assert sleep.slept == [1.0, 2.0, 9.0]
    assert heard.of(Gap) == []


async def test_missed_updates_wait_as_long_as_telegram_says(line: Any) -> None:
    session, sleep = line.session(line.alice), Impatient()
    line.gateway = line.make_gateway(sleep=sleep)
    await missing(line, session, "one")
    line.tg.faults.add(
        Fault(method="updates.getDifference", action=RpcError("FLOOD_WAIT_4000"), times=1)
    )

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    await heard.until(Arrived)
    assert sleep.slept == [4000.0]


@pytest.mark.parametrize("where", ["channel", "private"])
async def test_edits_and_deletions_that_were_missed_are_told(line: Any, where: str) -> None:
    session = line.session(line.alice)
    place = line.news if where == "channel" else line.alice
    first = line.tg.post(place, "first", author=line.bob)
    second = line.tg.post(place, "second", author=line.bob)
    await missing(line, session)
    line.news.edit_message(first, "first, edited")
    line.news.delete_messages([second])
    line.tg.post(line.news, "third", author=line.bob)

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    (edited,), (deleted,) = await heard.until(Edited), await heard.until(Deleted)
    assert edited.message.text == "first, edited"
    assert deleted.ids == (second.id,)


async def test_an_edit_that_is_lost_on_the_way_is_told_when_the_history_is_read_next(
    line: Any,
) -> None:
    heard = line.heard()
    first = line.tg.post(line.news, "first", author=line.bob)
    client = await line.open(line.alice, heard)
    line.tg.post(line.news, "second", author=line.bob)
    await heard.until(Arrived)
    line.tg.pushes.lose(line.alice, 2)
    line.news.edit_message(first, "first, edited")
    line.news.delete_messages([first])

    assert await history(client, line.news.peer_id, min_id=2) == []

    (deleted,) = await heard.until(Deleted)
    assert deleted.ids == (first.id,)


async def test_a_lasting_trouble_is_told_as_a_gap(line: Any) -> None:
    session, sleep = line.session(line.alice), Impatient()
    line.gateway = line.make_gateway(sleep=sleep)
    await missing(line, session, "one")
    line.tg.faults.add(Fault(method="updates.getDifference", action=RpcError("RPC_CALL_FAIL", 500)))

    heard = line.heard()
    client = await line.open(line.alice, heard, session=session)

    assert await heard.until(Gap) == [Gap(None)]
    assert await client.probe() >= 0


async def test_a_difference_too_long_is_told_as_a_gap(line: Any) -> None:
    session = line.session(line.alice)
    await missing(line, session, "one")
    line.tg.post(line.alice, "psst", author=line.bob)
    line.tg.forget_updates(line.alice)

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    assert Gap(None) in await heard.until(Gap)


async def test_a_channel_difference_too_long_names_the_channel(line: Any) -> None:
    session = line.session(line.alice)
    await missing(line, session, "one", "two")
    line.news.forget_updates()
    line.tg.post(line.news, "three", author=line.bob)

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    assert Gap(line.news.peer_id) in await heard.until(Gap)


async def test_a_line_cut_while_catching_up_is_one_loss(line: Any, caplog: Any) -> None:
    session = line.session(line.alice)
    await missing(line, session, "one")
    line.tg.faults.add(Fault(method="updates.getDifference", action=CutConnection(), times=1))

    heard = line.heard()
    await line.open(line.alice, heard, session=session)
    (lost,) = await heard.until(Lost)

    assert classify(lost.reason).kind is ErrorClass.NET
    assert "bug in Telethon" not in caplog.text

    later = line.heard()
    await line.open(line.alice, later, session=session)
    (arrived,) = await later.until(Arrived)
    assert arrived.message.text == "one"


async def test_a_revocation_found_while_catching_up_is_the_cause(line: Any) -> None:
    session = line.session(line.alice)
    await missing(line, session, "one")
    line.tg.faults.add(
        Fault(method="updates.getDifference", action=RpcError("SESSION_REVOKED"), times=1)
    )

    heard = line.heard()
    client = await line.open(line.alice, heard, session=session)
    (lost,) = await heard.until(Lost)

    assert classify(lost.reason).kind is ErrorClass.REVOKED
    assert await client.disconnected is lost.reason


async def test_cuts_under_load_lose_nothing(line: Any) -> None:
    session, heard = line.session(line.alice), line.heard()
    client = await line.open(line.alice, heard, session=session)
    await client.learn_chats()
    said = [str(number) for number in range(60)]

    for number, text in enumerate(said):
        line.tg.post(line.news, text, author=line.bob)
        if number in {10, 25, 40}:
            line.tg.cut(line.alice)
            await client.disconnected
            client = await line.open(line.alice, heard, session=session)

    told = await heard.until(Arrived, len(said))
    assert [one.message.text for one in told] == said


async def test_what_was_missed_in_a_channel_never_heard_of_is_told_as_a_gap(line: Any) -> None:
    session = line.session(line.alice)
    await line.open(line.alice, session=session)
    await line.gateway.close("alice")
    line.tg.post(line.news, "one", author=line.bob)

    heard = line.heard()
    await line.open(line.alice, heard, session=session)

    assert Gap(line.news.peer_id) in await heard.until(Gap)


async def test_a_state_that_is_refused_again_and_again_is_waited_with(line: Any) -> None:
    heard, sleep = line.heard(), Impatient()
    line.gateway = line.make_gateway(sleep=sleep)
    await line.open(line.alice, heard)
    line.tg.post(line.news, "seen", author=line.bob)
    await heard.until(Arrived)
    refusal = Fault(
        method="updates.getChannelDifference", action=RpcError("PERSISTENT_TIMESTAMP_INVALID")
    )
    line.tg.faults.add(refusal)

    for number in range(1, 4):
        line.swallow(line.news, "swallowed")
        line.tg.post(line.news, "pushed", author=line.bob)
        await heard.until(Gap, number)

    assert heard.of(Gap) == [Gap(line.news.peer_id)] * 3
    assert sleep.slept == [1.0, 2.0]


async def test_a_refused_channel_that_is_left_meanwhile_is_forgotten(line: Any) -> None:
    heard, session = line.heard(), line.session(line.alice)
    await line.open(line.alice, heard, session=session)
    line.tg.post(line.news, "seen", author=line.bob)
    await heard.until(Arrived)
    session.take_changes()
    line.tg.faults.add(
        Fault(
            method="updates.getChannelDifference", action=RpcError("PERSISTENT_TIMESTAMP_OUTDATED")
        )
    )
    line.tg.faults.add(Fault(method="messages.getPeerDialogs", action=RpcError("CHANNEL_PRIVATE")))

    line.swallow(line.news, "swallowed")
    line.tg.post(line.news, "pushed", author=line.bob)
    await heard.until(Gap)
    line.tg.post(line.news, "heard again", author=line.bob)
    told = await heard.until(Arrived, 3)

    assert [one.message.text for one in told] == ["seen", "pushed", "heard again"]


async def test_rounds_of_tries_that_fail_are_further_and_further_apart(line: Any) -> None:
    heard, sleep = line.heard(), Impatient()
    line.gateway = line.make_gateway(sleep=sleep)
    await line.open(line.alice, heard)
    line.tg.post(line.news, "seen", author=line.bob)
    await heard.until(Arrived)
    trouble = Fault(method="updates.getChannelDifference", action=RpcError("RPC_CALL_FAIL", 500))
    line.tg.faults.add(trouble)

    for number in range(1, 4):
        line.swallow(line.news, "swallowed")
        line.tg.post(line.news, "pushed", author=line.bob)
        await heard.until(Gap, number)

    assert sleep.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 1.0]

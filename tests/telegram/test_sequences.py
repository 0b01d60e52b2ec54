"""Updates lost, late, out of order and twice: told once, in order, or told to be missing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import types

from telewarden.loopback import Answer, Fault, Silence
from telewarden.telegram import Arrived, ErrorClass, Gap, Lost, classify
from telewarden.telegram.sending.message_pages import history

from .conftest import Heard, Line

pytestmark = pytest.mark.telegram

DIFFERENCE, CHANNEL_DIFFERENCE = "updates.getDifference", "updates.getChannelDifference"
KINDS = ["private", "channel", "channel that counts"]


class Dozing:
    """A sleep that takes no time and notes how long it should have been."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def place(line: Line, kind: str) -> Any:
    line.tg.pushes.number_channels = kind == "channel that counts"
    return line.alice if kind == "private" else line.news


def say(line: Line, where: Any, *texts: str) -> None:
    for text in texts:
        line.tg.post(where, text, author=line.bob)


async def texts(heard: Heard, count: int) -> list[str]:
    return [one.message.text for one in await heard.until(Arrived, count)]


async def listening(line: Line, where: Any) -> Heard:
    """Alice's client, which has heard something of the place already."""
    heard = line.heard()
    await line.open(line.alice, heard)
    say(line, where, "seen")
    await heard.until(Arrived)
    return heard


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_container_is_told_before_the_one_that_shows_it(line: Line, kind: str) -> None:
    where = place(line, kind)
    heard = await listening(line, where)
    line.tg.pushes.lose(line.alice)

    say(line, where, "lost", "arrives", "follows")

    assert await texts(heard, 4) == ["seen", "lost", "arrives", "follows"]
    assert heard.of(Gap) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_containers_out_of_order_are_told_in_order_and_nothing_is_asked(
    line: Line, kind: str
) -> None:
    where, calls = place(line, kind), line.tg.stats.calls
    heard = await listening(line, where)
    before = calls[DIFFERENCE] + calls[CHANNEL_DIFFERENCE]
    line.tg.pushes.hold(line.alice)
    say(line, where, "one", "two", "three")

    line.tg.pushes.release(line.alice, order="reversed")

    assert await texts(heard, 4) == ["seen", "one", "two", "three"]
    assert calls[DIFFERENCE] + calls[CHANNEL_DIFFERENCE] == before


@pytest.mark.parametrize("kind", KINDS)
async def test_combined_updates_are_told_like_those_that_come_alone(line: Line, kind: str) -> None:
    where, calls = place(line, kind), line.tg.stats.calls
    heard = await listening(line, where)
    line.tg.pushes.hold(line.alice)
    say(line, where, "one", "two")

    assert line.tg.pushes.release(line.alice, combined=True) == 2
    say(line, where, "three")

    assert await texts(heard, 4) == ["seen", "one", "two", "three"]
    assert calls[DIFFERENCE] + calls[CHANNEL_DIFFERENCE] == 0


async def test_a_container_of_another_chat_is_not_dropped_with_a_gap_before_it(line: Line) -> None:
    line.tg.pushes.number_channels = True
    heard = await listening(line, line.news)
    line.tg.pushes.lose(line.alice)

    say(line, line.alice, "lost")
    say(line, line.news, "at once")
    told = await texts(heard, 3)

    assert sorted(told) == ["at once", "lost", "seen"]
    assert heard.of(Gap) == []


@pytest.mark.parametrize("kind", ["private", "channel"])
async def test_a_difference_that_does_not_reach_the_gap_is_asked_for_once_and_told(
    line: Line, kind: str
) -> None:
    where, calls = place(line, kind), line.tg.stats.calls
    heard = await listening(line, where)
    line.tg.faults.add(Fault(method=DIFFERENCE, action=Answer(nothing)))
    line.tg.faults.add(Fault(method=CHANNEL_DIFFERENCE, action=Answer(nothing)))
    line.tg.pushes.lose(line.alice)

    say(line, where, "lost", "two", "three")
    told = await texts(heard, 3)
    say(line, where, "four")
    await heard.until(Arrived, 4)

    assert told == ["seen", "two", "three"]
    assert heard.of(Gap) == [Gap(None if kind == "private" else line.news.peer_id)]
    kinds = [type(one) for one in heard.told]
    assert kinds.index(Gap) < kinds.index(Arrived, 1)  # before what was behind it
    assert calls[DIFFERENCE] + calls[CHANNEL_DIFFERENCE] == 1


def nothing(request: Any) -> Any:
    """Nothing new: by the server's lag, what was pushed is not known yet."""
    if hasattr(request, "channel"):
        return types.updates.ChannelDifferenceEmpty(pts=request.pts, final=True)
    return types.updates.DifferenceEmpty(date=request.date, seq=0)


def more(request: Any) -> Any:
    """There is more, and no step further."""
    if hasattr(request, "channel"):
        return types.updates.ChannelDifference(request.pts, [], [], [], [])
    state = types.updates.State(request.pts, request.qts, request.date, 0, 0)
    return types.updates.DifferenceSlice([], [], [], [], [], state)


def too_long(request: Any) -> Any:
    """Too much, and no step further."""
    if not hasattr(request, "channel"):
        return types.updates.DifferenceTooLong(request.pts)
    dialog = types.Dialog(
        types.PeerChannel(request.channel.channel_id),
        *(0,) * 7,
        types.PeerNotifySettings(),
        pts=request.pts,
    )
    return types.updates.ChannelDifferenceTooLong(dialog, [], [], [], final=True)


def empty_and_more(request: Any) -> Any:
    """Nothing, and more of it."""
    if hasattr(request, "channel"):
        return types.updates.ChannelDifferenceEmpty(pts=request.pts)
    return nothing(request)


@pytest.mark.parametrize("answer", [nothing, more, too_long, empty_and_more])
@pytest.mark.parametrize("kind", ["private", "channel"])
async def test_an_answer_that_does_not_advance_is_asked_for_with_growing_pauses_and_given_up(
    line: Line, kind: str, answer: Any
) -> None:
    sleep, calls = Dozing(), line.tg.stats.calls
    line.gateway = line.make_gateway(sleep=sleep)
    where = place(line, kind)
    heard = await listening(line, where)
    line.tg.faults.add(Fault(method="updates.get*ifference", action=Answer(answer)))
    line.tg.pushes.lose(line.alice)

    say(line, where, "lost", "behind the gap")
    await heard.until(Gap)
    say(line, where, "heard again")
    told = (await texts(heard, 2 if answer is more else 3))[1:]

    # What stands in the state that is taken instead is read from history, behind the gap.
    assert told == ["behind the gap", "heard again"][answer is more :]
    assert calls[DIFFERENCE] + calls[CHANNEL_DIFFERENCE] == (4 if answer is more else 1)
    assert sleep.slept == ([1.0, 2.0, 4.0, 8.0] if answer is more else [])


async def test_a_difference_that_is_never_answered_costs_the_line(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.difference.ANSWER_WITHIN", 0.05)
    heard = await listening(line, line.alice)
    line.tg.faults.add(Fault(method=DIFFERENCE, action=Silence()))
    line.tg.pushes.lose(line.alice)

    say(line, line.alice, "lost", "behind the gap")

    (lost,) = await heard.until(Lost)
    assert classify(lost.reason).kind is ErrorClass.NET


async def test_what_is_lost_in_a_channel_not_heard_of_before_is_missed_all_the_same(
    line: Line,
) -> None:
    heard = line.heard()
    client = await line.open(line.alice, heard)
    await client.learn_chats()
    say(line, line.news, "before")
    await heard.until(Arrived)
    await line.gateway.close("alice")
    heard = line.heard()
    client = await line.open(line.alice, heard)  # a fresh session, that knows no number
    await client.learn_chats()
    client._wire._message_box.map.pop(line.news.id)
    await history(client, line.news.peer_id)
    line.tg.pushes.lose(line.alice)

    say(line, line.news, "lost", "arrives")

    assert await texts(heard, 2) == ["lost", "arrives"]


async def test_while_a_difference_is_asked_for_what_comes_waits_its_turn(line: Line) -> None:
    heard = await listening(line, line.alice)
    line.tg.pushes.lose(line.alice)
    say(line, line.alice, "lost", "arrives")
    async with asyncio.timeout(30):
        while not line.tg.stats.calls[DIFFERENCE]:
            await asyncio.sleep(0)
    say(line, line.alice, "meanwhile")

    assert await texts(heard, 4) == ["seen", "lost", "arrives", "meanwhile"]

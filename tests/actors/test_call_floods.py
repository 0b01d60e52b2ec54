"""A call that Telegram has asked to wait for is not made early, not even by the next process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from telethon import errors, functions

from telewarden.actors import Kit
from telewarden.actors.call_floods import CallFloods
from telewarden.errors import TelegramRateLimitError
from telewarden.loopback import Fault, FloodWait
from telewarden.telegram import FloodBegan, Phase, PhaseChanged, SessionRecovered, method_name

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

NEAREST = functions.help.GetNearestDcRequest


async def test_a_flooded_method_waits_and_others_go_on_across_a_restart(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(600)))
    with pytest.raises(TelegramRateLimitError) as first:
        await warden.session("alice").call(NEAREST())
    with pytest.raises(TelegramRateLimitError) as at_once:
        await warden.session("alice").call(NEAREST())
    await warden.session("alice").call(functions.updates.GetStateRequest())

    await newsroom.stop()
    since = newsroom.mark()
    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    with pytest.raises(TelegramRateLimitError) as afterwards:
        await warden.session("alice").call(NEAREST())

    assert newsroom.telegram.stats.early == 0
    assert newsroom.telegram.stats.calls["help.getNearestDc"] == 1
    assert isinstance(first.value.__cause__, errors.FloodWaitError)
    for caught in (first, at_once, afterwards):
        assert caught.value.session == "alice"
        assert caught.value.deadline is not None
        assert 590 < (caught.value.wait or 0.0) <= 600


def test_a_method_is_named_as_telegram_does() -> None:
    assert method_name(NEAREST()) == "help.getNearestDc"
    assert method_name(functions.messages.GetDialogsRequest(None, 0, None, 0, 0)) == (
        "messages.getDialogs"
    )
    assert method_name(functions.PingRequest(1)) == "ping"


async def test_reading_history_waits_and_sending_goes_on_across_a_restart(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.say("news_in", "while it was down")
    newsroom.telegram.faults.add(
        Fault(method="messages.getHistory", action=FloodWait(600), account=newsroom.account(ALICE))
    )
    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    flood = await newsroom.hears(FloodBegan, since=since, session="alice")
    assert flood.method == "messages.getHistory"

    since = newsroom.mark()
    await newsroom.warden.drill("sessions/session:alice/session")  # it comes back and remembers
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    newsroom.say("market_in", "elsewhere")
    await newsroom.arrives("market_out", "elsewhere")
    await newsroom.stop()
    since = newsroom.mark()
    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await warden.session("alice").call(NEAREST())

    assert newsroom.telegram.stats.early == 0
    await newsroom.stop()
    with newsroom.store() as store:
        assert [(row.account, row.method, row.chat) for row in store.floods()] == [
            ("alice", "messages.getHistory", None)
        ]


async def test_a_session_that_may_not_come_online_yet_waits_also_after_a_restart(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    fault = Fault(
        method="updates.getState", action=FloodWait(600), account=newsroom.account(ALICE), times=1
    )
    newsroom.telegram.faults.add(fault)
    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.WAITING)
    await newsroom.stop()
    calls = newsroom.telegram.stats.calls["updates.getState"]
    since = newsroom.mark()

    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.WAITING)
    await newsroom.hears(SessionRecovered, since=since, session="bob")
    report = await warden.session("alice").report()

    assert report.reason.startswith("FLOOD_WAIT")
    assert report.until is not None
    assert newsroom.telegram.stats.early == 0
    assert newsroom.telegram.stats.calls["updates.getState"] == calls + 1  # bob's


def test_a_flood_without_a_number_waits_twice_as_long_each_time() -> None:
    now = [1_000.0]
    kit = cast(
        "Kit",
        SimpleNamespace(
            now=lambda: now[0],
            journal=SimpleNamespace(post=[].append),
            publish=[].append,
        ),
    )
    floods = CallFloods("alice", kit)
    waits = []
    for _ in range(3):
        floods.failed(NEAREST(), errors.FloodError(NEAREST(), "FLOOD", 420))
        refusal = floods.refusal(NEAREST())
        assert refusal is not None
        waits.append(refusal.wait)
        now[0] += refusal.wait or 0.0

    assert waits == [60.0, 120.0, 240.0]
    assert floods.refusal(NEAREST()) is None

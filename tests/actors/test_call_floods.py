"""A call that Telegram has asked to wait for is not made early, not even by the next process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from telethon import errors, functions, types

from telewarden.actors import Kit
from telewarden.actors.call_floods import CallFloods
from telewarden.errors import TelegramRateLimitError
from telewarden.loopback import Fault, FloodWait
from telewarden.telegram import (
    Action,
    FloodBegan,
    Phase,
    PhaseChanged,
    SessionRecovered,
    method_name,
    posts_into,
)

from .conftest import ALICE, PRESS, Newsroom

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


async def test_a_chat_with_slow_mode_waits_and_others_go_on_across_a_restart(
    newsroom: Newsroom,
) -> None:
    group = newsroom.telegram.add_channel(
        "Group",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(ALICE)],
        megagroup=True,
        username="group",
    )
    group.set_slowmode(600)
    warden = await newsroom.start()
    found = await warden.session("alice").call(functions.contacts.ResolveUsernameRequest("group"))
    channel = found.chats[0]
    slow = types.InputPeerChannel(channel.id, channel.access_hash)

    async def say(text: str, where: Any = slow) -> None:
        await newsroom.warden.session("alice").call(
            functions.messages.SendMessageRequest(where, text)
        )

    await say("one")
    with pytest.raises(TelegramRateLimitError) as told:
        await say("two")
    with pytest.raises(TelegramRateLimitError, match="posting into chat -100") as at_once:
        await say("two")
    await say("to myself", types.InputPeerSelf())
    await newsroom.stop()
    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    with pytest.raises(TelegramRateLimitError, match="no packet") as afterwards:
        await say("two")

    assert newsroom.telegram.stats.errors["SLOWMODE_WAIT"] == 1
    for caught in (told, at_once, afterwards):
        assert caught.value.action is Action.PARK_CHAT
        assert 580 < (caught.value.wait or 0.0) <= 600
    assert group.texts == ["one"]


@pytest.mark.parametrize(
    ("request_", "chat"),
    [
        (functions.messages.SendMessageRequest(types.InputPeerChannel(7, 1), "x"), -1000000000007),
        (functions.messages.SendMediaRequest(types.InputPeerChat(8), None, "x"), -8),
        (functions.messages.ForwardMessagesRequest("@in", [1], types.InputPeerUser(9, 1)), 9),
        (
            functions.InvokeWithLayerRequest(
                200, functions.messages.SendMessageRequest(types.InputPeerChat(8), "x")
            ),
            -8,
        ),
        (functions.messages.SendMessageRequest("@name", "x"), None),
        (functions.messages.SendMessageRequest(types.InputPeerSelf(), "x"), None),
        (functions.messages.EditMessageRequest(types.InputPeerChat(8), 1, message="x"), None),
        (NEAREST(), None),
    ],
)
def test_what_posts_into_a_chat_is_known_by_its_marked_id(request_: Any, chat: int | None) -> None:
    assert posts_into(request_) == chat


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

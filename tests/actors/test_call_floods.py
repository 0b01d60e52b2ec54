"""A call that Telegram has asked to wait for is not made early, not even by the next process."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

import pytest
from telethon import errors, functions, types

from telewarden.actors import Services
from telewarden.actors.session.flood_waits import FloodWaits
from telewarden.errors import DrillError, TelegramRateLimitError
from telewarden.loopback import Fault, FloodWait, RpcError
from telewarden.telegram import (
    Action,
    FloodBegan,
    Phase,
    PhaseChanged,
    SessionRecovered,
    method_name,
    posts_into,
)

from .conftest import ALICE, BOB, LOOK_EVERY, SOON, Newsroom

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


async def test_a_flood_of_a_call_inside_a_call_is_put_down_to_the_inner_one(
    newsroom: Newsroom,
) -> None:
    alice = (await newsroom.start()).session("alice")
    newsroom.telegram.faults.add(Fault(method="contacts.resolveUsername", action=FloodWait(600)))
    calls = newsroom.telegram.stats.calls["contacts.resolveUsername"]
    for _ in range(2):  # to find the chat by its name is a call of its own
        with pytest.raises(TelegramRateLimitError):
            await alice.call(functions.messages.SendMessageRequest("@nobody_knows", "x"))

    await alice.call(functions.messages.SendMessageRequest(types.InputPeerSelf(), "x"))
    newsroom.say("market_in", "elsewhere")
    await newsroom.arrives("market_out", "elsewhere")

    assert newsroom.telegram.stats.calls["contacts.resolveUsername"] == calls + 1
    assert newsroom.telegram.stats.early == 0


async def test_requests_in_a_list_wait_each_by_its_own_method(newsroom: Newsroom) -> None:
    alice = (await newsroom.start()).session("alice")
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(600)))
    with pytest.raises(TelegramRateLimitError):
        await alice.call([NEAREST()])

    with pytest.raises(TelegramRateLimitError, match="getNearestDc waits"):
        await alice.call(NEAREST())
    await alice.call([functions.help.GetConfigRequest()])

    assert newsroom.telegram.stats.calls["help.getNearestDc"] == 1


class OfAnApp(functions.messages.SendMessageRequest):  # type: ignore[misc]  # Telethon has no types
    """As apps make them, to give a request a default of their own."""


@pytest.mark.parametrize("how", ["its name", "its title page", "its id", "a class of an app's own"])
async def test_slow_mode_is_kept_to_however_the_chat_is_named(newsroom: Newsroom, how: str) -> None:
    group = newsroom.add_slow_group(600)
    alice = (await newsroom.start()).session("alice")
    found = await alice.call(functions.contacts.ResolveUsernameRequest("slow_group"))
    where = {"its name": "@slow_group", "its id": types.PeerChannel(found.chats[0].id)}
    request = OfAnApp if "class" in how else functions.messages.SendMessageRequest

    for text in ("one", "two", "three", "four"):
        with contextlib.suppress(TelegramRateLimitError):
            await alice.call(request(where.get(how, found.chats[0]), text))

    assert newsroom.telegram.stats.errors["SLOWMODE_WAIT"] == 1
    assert group.texts == ["one"]


async def test_a_run_of_copies_keeps_to_what_an_apps_call_was_told(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    group = newsroom.add_slow_group(600)
    tables["pairs"][0] |= {"target": "@slow_group", "mode": "copy"}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    alice = warden.session("alice")
    await warden.pairs.pause(1)
    newsroom.say("news_in", *(f"news {n}" for n in range(12)))
    for text in ("one", "two"):
        with contextlib.suppress(TelegramRateLimitError):
            await alice.call(functions.messages.SendMessageRequest("@slow_group", text))

    await warden.pairs.resume(1)
    async with asyncio.timeout(SOON):
        while not (await alice.report()).parked:
            await asyncio.sleep(LOOK_EVERY)

    assert newsroom.telegram.stats.errors["SLOWMODE_WAIT"] == 1
    assert group.texts == ["one"]
    assert (await newsroom.pairs())[1].dead == 0


async def test_slow_mode_that_is_said_of_an_edit_is_on_record_too(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "first")
    await newsroom.arrives("market_out", "first")
    newsroom.telegram.faults.add(
        Fault(method="messages.editMessage", action=RpcError("SLOWMODE_WAIT_600"))
    )
    since = newsroom.mark()

    newsroom.chats["market_in"].edit_message(newsroom.chats["market_in"].messages[-1], "second")
    flood = await newsroom.hears(FloodBegan, since=since, session="bob")
    await newsroom.stop()

    assert flood.seconds == 600
    with newsroom.store() as store:
        (row,) = store.floods("bob")
        assert row.chat is not None


async def test_a_chat_with_slow_mode_waits_and_others_go_on_across_a_restart(
    newsroom: Newsroom,
) -> None:
    group = newsroom.add_slow_group(600)
    warden = await newsroom.start()
    found = await warden.session("alice").call(
        functions.contacts.ResolveUsernameRequest("slow_group")
    )
    slow = types.InputPeerChannel(found.chats[0].id, found.chats[0].access_hash)

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


@pytest.mark.crashes("*:alice/session", DrillError)
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


async def test_fetching_missed_updates_waits_across_a_restart(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    alice, method = newsroom.account(ALICE), "updates.getDifference"
    newsroom.telegram.faults.add(Fault(method=method, account=alice, action=FloodWait(600)))
    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    await newsroom.hears(FloodBegan, since=since, session="alice", method=method, seconds=600)
    await newsroom.stop()
    calls, since = newsroom.telegram.stats.calls[method], newsroom.mark()

    warden = await newsroom.start(signed_in=False)
    for name in ("alice", "bob"):
        await newsroom.hears(SessionRecovered, since=since, session=name)
        await warden.session(name).call(NEAREST())

    assert newsroom.telegram.stats.calls[method] == calls + 1  # bob's
    assert newsroom.telegram.stats.early == 0


async def test_missed_updates_are_fetched_once_the_wait_is_over(newsroom: Newsroom) -> None:
    await newsroom.start()
    post = newsroom.telegram.post(newsroom.chats["market_in"], "up")
    await newsroom.arrives("market_out", "up")
    await newsroom.stop()
    newsroom.chats["market_in"].edit_message(post, "down")
    newsroom.telegram.faults.add(
        Fault(method="updates.*Difference", account=newsroom.account(BOB), action=FloodWait(1))
    )

    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    await newsroom.hears(FloodBegan, since=since, session="bob", seconds=1)
    await newsroom.until(lambda: newsroom.texts("market_out") == ["down"])

    assert newsroom.telegram.stats.early == 0


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


def test_a_shorter_answer_lets_no_call_go_before_a_longer_one() -> None:
    services = SimpleNamespace(
        now=lambda: 1_000.0, journal=SimpleNamespace(post=[].append), publish=[].append
    )
    floods = FloodWaits("alice", cast("Services", services))
    for seconds in (600, 5):
        floods.failed(NEAREST(), errors.FloodWaitError(NEAREST(), capture=seconds))

    refusal = floods.refusal(NEAREST())

    assert refusal is not None
    assert refusal.wait == 600.0


def test_a_flood_without_a_number_waits_twice_as_long_each_time() -> None:
    now = [1_000.0]
    services = cast(
        "Services",
        SimpleNamespace(
            now=lambda: now[0],
            journal=SimpleNamespace(post=[].append),
            publish=[].append,
        ),
    )
    floods = FloodWaits("alice", services)
    waits = []
    for _ in range(3):
        floods.failed(NEAREST(), errors.FloodError(NEAREST(), "FLOOD", 420))
        refusal = floods.refusal(NEAREST())
        assert refusal is not None
        waits.append(refusal.wait)
        now[0] += refusal.wait or 0.0

    assert waits == [60.0, 120.0, 240.0]
    assert floods.refusal(NEAREST()) is None

"""What is sent unasked: numbered as Telegram numbers it, and what can go wrong on its way."""

from __future__ import annotations

import pytest
from telethon import events, functions, types

from telewarden.loopback import Answer, Fault

pytestmark = pytest.mark.loopback

STATE = functions.updates.GetStateRequest


async def test_a_login_counts_the_containers_that_it_is_sent(tg, alice, bob, loopback_client, hear):
    client = await loopback_client(alice)
    heard = hear(client, events.Raw())
    before = (await client(STATE())).seq

    for text in ("one", "two"):
        tg.post(alice, text, author=bob)
        await heard.next()

    assert (await client(STATE())).seq == before + 2
    assert client._message_box.seq == before + 2


async def test_two_logins_of_an_account_count_apart(tg, alice, bob, loopback_client):
    first = await loopback_client(alice)
    tg.post(alice, "one", author=bob)
    second = await loopback_client(alice)
    tg.post(alice, "two", author=bob)

    assert (await first(STATE())).seq == 1 + (await second(STATE())).seq


async def test_a_channels_containers_count_when_that_is_asked(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=bob, members=[alice])
    client = await loopback_client(alice)
    before = (await client(STATE())).seq

    tg.post(news, "by its own count alone")
    uncounted = (await client(STATE())).seq
    tg.pushes.number_channels = True
    tg.post(news, "by both")

    assert (uncounted, (await client(STATE())).seq) == (before, before + 1)


async def test_an_answer_has_no_place_in_the_order(tg, alice, loopback_client):
    client = await loopback_client(alice)
    before = (await client(STATE())).seq

    await client.send_message("me", "to myself")

    assert (await client(STATE())).seq == before


@pytest.mark.parametrize("kind", ["private chat", "basic group"])
async def test_what_is_sent_outside_of_channels_is_answered_in_short(
    tg, alice, bob, loopback_client, kind
):
    group = tg.add_group("Few", owner=alice, members=[bob])
    client = await loopback_client(alice)
    peer = types.InputPeerChat(group.id) if kind == "basic group" else types.InputPeerSelf()

    answer = await client(functions.messages.SendMessageRequest(peer, "hello", random_id=1))

    assert isinstance(answer, types.UpdateShortSentMessage)
    assert answer.pts == alice.feed.pts


async def test_an_echo_comes_behind_the_answer(tg, alice, loopback_client, hear):
    tg.pushes.echo = True
    client = await loopback_client(alice)
    before = (await client(STATE())).seq

    await client.send_message("me", "to myself")

    assert (await client(STATE())).seq == before + 1
    assert tg.stats.pushes == 1


async def test_a_lost_container_is_numbered_and_missed(tg, alice, bob, loopback_client, hear):
    client = await loopback_client(alice)
    heard = hear(client)
    tg.pushes.lose(alice)

    tg.post(alice, "lost on the way", author=bob)
    tg.post(alice, "arrives", author=bob)

    assert sorted(await heard.texts(2)) == ["arrives", "lost on the way"]
    assert tg.stats.calls["updates.getDifference"] == 2  # one at login, one for the gap


async def test_what_is_held_comes_when_it_is_released(tg, alice, bob, loopback_client, hear):
    client = await loopback_client(alice)
    heard = hear(client)
    tg.pushes.hold(alice)
    tg.post(alice, "one", author=bob)
    tg.post(alice, "two", author=bob)
    await client.get_me()
    assert heard.queue.empty()

    assert tg.pushes.release(alice) == 2

    assert await heard.texts(2) == ["one", "two"]


async def test_what_was_held_may_come_combined(tg, alice, bob, loopback_client, hear):
    client = await loopback_client(alice)
    heard = hear(client)
    tg.pushes.hold(alice)
    tg.post(alice, "one", author=bob)
    tg.post(alice, "two", author=bob)

    tg.pushes.release(alice, combined=True)

    assert await heard.texts(2) == ["one", "two"]
    assert client._message_box.seq == (await client(STATE())).seq


async def test_an_answer_of_ones_own_takes_the_place_of_the_true_one(tg, alice, loopback_client):
    client = await loopback_client(alice)
    told = types.updates.State(pts=7, qts=0, date=None, seq=3, unread_count=0)
    tg.faults.add(Fault(method="updates.getState", action=Answer(lambda _: told), times=1))

    assert (await client(STATE())).seq == 3
    assert (await client(STATE())).seq == 0

"""What a client missed: caught up by pts, in slices, or told that it is too much."""

from __future__ import annotations

import pytest
from telethon import TelegramClient, errors, events, functions, types
from telethon.sessions import SQLiteSession, StringSession

from telewarden.loopback import Limits, LoopbackTelegram

pytestmark = pytest.mark.loopback


async def test_a_sqlite_session_catches_up_on_private_messages_it_missed(
    tg, alice, bob, tmp_path, hear
):
    file = str(tmp_path / "alice")
    stored = SQLiteSession(file)
    stored.set_dc(*tg.address)
    stored.auth_key = StringSession(tg.mint(alice)).auth_key
    stored.save()
    stored.close()
    client = TelegramClient(file, 1, "loopback", catch_up=True)
    await client.connect()
    await client.disconnect()
    tg.post(alice, "while you were away", author=bob)

    client = TelegramClient(file, 1, "loopback", catch_up=True)
    heard = hear(client)
    await client.connect()
    event = await heard.next()
    await client.disconnect()

    assert event.raw_text == "while you were away"


async def test_a_sqlite_session_catches_up_on_a_channel_it_missed(tg, alice, bob, tmp_path, hear):
    news = tg.add_channel("News", owner=bob, members=[alice])
    file = str(tmp_path / "alice")
    stored = SQLiteSession(file)
    stored.set_dc(*tg.address)
    stored.auth_key = StringSession(tg.mint(alice)).auth_key
    stored.save()
    stored.close()
    client = TelegramClient(file, 1, "loopback", catch_up=True)
    heard = hear(client)
    await client.connect()
    tg.post(news, "seen")
    await heard.next()
    await client.disconnect()
    for text in ("missed one", "missed two"):
        tg.post(news, text)

    client = TelegramClient(file, 1, "loopback", catch_up=True)
    heard = hear(client)
    await client.connect()
    texts = await heard.texts(2)
    await client.disconnect()

    assert sorted(texts) == ["missed one", "missed two"]


async def test_a_lost_update_is_fetched_when_the_next_one_shows_the_gap(
    tg, alice, bob, loopback_client, hear
):
    client = await loopback_client(alice)
    heard = hear(client)
    [connection] = tg.connections(alice)
    connection.conversation.wants_updates = False
    tg.post(alice, "lost on the way", author=bob)
    connection.conversation.wants_updates = True

    tg.post(alice, "arrives", author=bob)

    assert sorted(await heard.texts(2)) == ["arrives", "lost on the way"]
    assert tg.stats.calls["updates.getDifference"] == 2  # one at login, one for the gap


async def test_a_gap_in_a_channel_is_filled_by_its_own_difference(
    tg, alice, bob, loopback_client, hear
):
    news = tg.add_channel("News", owner=bob, members=[alice])
    client = await loopback_client(alice)
    heard = hear(client)
    tg.post(news, "first")
    await heard.next()
    [connection] = tg.connections(alice)
    connection.conversation.wants_updates = False
    tg.post(news, "lost on the way")
    connection.conversation.wants_updates = True

    tg.post(news, "arrives")

    assert sorted(await heard.texts(2)) == ["arrives", "lost on the way"]
    assert tg.stats.calls["updates.getChannelDifference"] == 1


async def test_a_difference_comes_in_slices(tg, alice, bob, loopback_client):
    client = await loopback_client(alice)
    for number in range(130):
        tg.post(alice, f"m{number}", author=bob)

    first = await client(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))
    second = await client(
        functions.updates.GetDifferenceRequest(pts=first.intermediate_state.pts, date=None, qts=0)
    )

    assert isinstance(first, types.updates.DifferenceSlice)
    assert isinstance(second, types.updates.Difference)
    assert [len(first.new_messages), len(second.new_messages)] == [100, 30]
    assert second.state.pts == 131


async def test_a_difference_tells_edits_and_deletions_with_their_pts(
    tg, alice, bob, loopback_client
):
    client = await loopback_client(alice)
    kept, gone = (tg.post(alice, text, author=bob) for text in ("kept", "gone"))
    writer = await loopback_client(bob)
    await writer.edit_message("alice", kept.id_for(bob.id), "kept, and edited")
    await writer.delete_messages("alice", [gone.id_for(bob.id)], revoke=True)

    told = await client(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))

    assert [m.message for m in told.new_messages] == ["kept, and edited"]
    assert [type(u) for u in told.other_updates] == [
        types.UpdateEditMessage,
        types.UpdateDeleteMessages,
    ]
    assert told.state.pts == alice.feed.pts == 5


async def test_a_forgotten_past_is_too_long(tg, alice, bob, loopback_client):
    client = await loopback_client(alice)
    tg.post(alice, "forgotten", author=bob)
    tg.forget_updates(alice)

    told = await client(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))

    assert isinstance(told, types.updates.DifferenceTooLong)
    assert told.pts == 2


async def test_a_channel_whose_past_is_forgotten_is_named_all_the_same(connect):
    async with LoopbackTelegram() as tg:
        alice = tg.add_account("Alice")
        news = tg.add_channel("News", owner=alice)
        tg.post(news, "forgotten")
        news.forget_updates()
        client = await connect(tg, alice)

        told = await client(functions.updates.GetDifferenceRequest(pts=1, date=0, qts=0))
        await client.disconnect()

    assert [one.channel_id for one in told.other_updates] == [news.record.id]


async def test_a_channel_difference_is_too_long_past_its_limit(connect):
    async with LoopbackTelegram(limits=Limits(channel_too_long=5)) as tg:
        alice = tg.add_account("Alice")
        news = tg.add_channel("News", owner=alice)
        for number in range(6):
            tg.post(news, f"m{number}")
        client = await connect(tg, alice)
        await client.get_dialogs()
        channel = await client.get_input_entity(news.peer_id)
        ask = functions.updates.GetChannelDifferenceRequest

        near = await client(ask(channel, types.ChannelMessagesFilterEmpty(), pts=2, limit=100))
        far = await client(ask(channel, types.ChannelMessagesFilterEmpty(), pts=1, limit=100))
        await client.disconnect()

    assert len(near.new_messages) == 5
    assert isinstance(far, types.updates.ChannelDifferenceTooLong)
    assert far.dialog.pts == 7


async def test_a_difference_from_the_future_is_refused(tg, alice, loopback_client):
    client = await loopback_client(alice)

    with pytest.raises(errors.PersistentTimestampInvalidError):
        await client(functions.updates.GetDifferenceRequest(pts=99, date=None, qts=0))


async def test_channels_with_news_are_named_in_the_accounts_difference(
    tg, alice, bob, loopback_client
):
    news = tg.add_channel("News", owner=bob, members=[alice])
    quiet = tg.add_channel("Quiet", owner=bob, members=[alice])
    tg.post(news, "something")
    client = await loopback_client(alice)

    told = await client(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))

    named = [update.channel_id for update in told.other_updates]
    assert named == [news.id]
    assert quiet.id not in [chat.id for chat in told.chats]


async def test_a_client_without_updates_is_sent_none(tg, alice, bob, loopback_client):
    client = await loopback_client(alice, receive_updates=False)

    tg.post(alice, "unheard", author=bob)
    await client.get_me()

    assert tg.stats.pushes == 0


async def test_joining_and_being_banned_is_heard_at_once(tg, alice, bob, loopback_client, hear):
    news = tg.add_channel("News", owner=bob)
    client = await loopback_client(alice)
    heard = hear(client, events.Raw(types.UpdateChannel))

    news.join(alice)
    await heard.next()
    tg.post(news, "for members")
    assert (await client.get_messages(news.peer_id, limit=1))[0].raw_text == "for members"
    news.kick(alice)
    await heard.next()

    with pytest.raises(errors.ChannelPrivateError):
        await client.get_messages(news.peer_id, limit=1)

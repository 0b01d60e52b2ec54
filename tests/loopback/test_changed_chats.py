"""Chats that change: upgraded groups, names given up and taken, access hashes that are void."""

from __future__ import annotations

import pytest
from telethon import errors, events, functions, types
from telethon.sessions import StringSession

from telewarden.loopback import LoopbackTelegram

pytestmark = pytest.mark.loopback


async def test_an_upgraded_group_says_where_it_has_gone(tg, alice, bob, loopback_client, hear):
    group = tg.add_group("Few", owner=alice, members=[bob])
    client = await loopback_client(bob)
    heard = hear(client, events.Raw(types.UpdateNewMessage))

    new = group.upgrade()

    notice = (await heard.next()).message.action
    [chat] = (await client(functions.messages.GetChatsRequest([group.id]))).chats
    assert notice.channel_id == new.id == chat.migrated_to.channel_id
    assert chat.deactivated


async def test_an_upgraded_group_is_read_and_not_written_into_any_more(
    tg, alice, bob, loopback_client
):
    group = tg.add_group("Few", owner=alice, members=[bob])
    client = await loopback_client(bob)
    await client.send_message(types.PeerChat(group.id), "before")

    new = group.upgrade()
    await client.get_dialogs()

    told = await client.get_messages(types.PeerChat(group.id), limit=5)
    [old] = [message for message in told if message.raw_text]
    assert old.raw_text == "before"
    with pytest.raises(errors.PeerIdInvalidError):
        await client.send_message(types.PeerChat(group.id), "after")
    await client.send_message(new.peer_id, "after")
    assert new.texts == ["after"]


async def test_its_owner_upgrades_a_group_by_a_request(tg, alice, bob, loopback_client):
    group = tg.add_group("Few", owner=alice, members=[bob])
    owner, member = await loopback_client(alice), await loopback_client(bob)
    ask = functions.messages.MigrateChatRequest(group.id)

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(ask)
    told = await owner(ask)

    [channel] = [chat for chat in told.chats if isinstance(chat, types.Channel)]
    assert channel.megagroup
    assert sorted(tg.chat(-1_000_000_000_000 - channel.id).members) == sorted([alice.id, bob.id])


async def test_a_void_access_hash_is_refused_until_the_dialogs_tell_the_new_one(
    tg, alice, bob, loopback_client
):
    news = tg.add_channel("News", owner=alice, members=[bob])
    client = await loopback_client(bob)
    await client.get_dialogs()
    before = await client.get_input_entity(news.peer_id)

    news.void_access_hash(bob)

    with pytest.raises(errors.ChannelInvalidError):
        await client.get_messages(before, limit=1)
    await client.get_dialogs()
    after = await client.get_input_entity(news.peer_id)
    assert after.access_hash != before.access_hash
    await client.get_messages(after, limit=1)


async def test_a_name_that_was_given_up_may_be_anothers(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, username="the_news")
    news.rename(None)
    other = tg.add_channel("Other", owner=alice, username="the_news")
    client = await loopback_client(bob)

    found = await client(functions.contacts.ResolveUsernameRequest("the_news"))

    assert found.peer.channel_id == other.id


async def test_a_restart_keeps_upgrades_void_hashes_and_the_count_of_containers(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        alice, bob = tg.add_account("Alice"), tg.add_account("Bob")
        group = tg.add_group("Few", owner=alice, members=[bob])
        news = tg.add_channel("News", owner=alice, members=[bob])
        string = tg.mint(bob)
        client = await connect(tg, string)
        await client.get_dialogs()
        known = await client.get_input_entity(news.peer_id)
        news.void_access_hash(bob)
        tg.post(bob, "counted", author=alice)
        seq = (await client(functions.updates.GetStateRequest())).seq
        new, port = group.upgrade(), tg.port
        await client.disconnect()

    async with LoopbackTelegram(port=port, state=state) as tg:
        client = await connect(tg, StringSession(string).save())
        [chat] = (await client(functions.messages.GetChatsRequest([group.id]))).chats
        with pytest.raises(errors.ChannelInvalidError):
            await client.get_messages(known, limit=1)
        after = (await client(functions.updates.GetStateRequest())).seq
        await client.disconnect()

    assert chat.migrated_to.channel_id == new.id
    assert after >= seq >= 1

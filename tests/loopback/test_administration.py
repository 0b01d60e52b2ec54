"""Chats run by their people: settings, names, topics, pins, and who may do what in a group."""

from __future__ import annotations

import pytest
from telethon import errors, functions, types, utils

pytestmark = pytest.mark.loopback

channels, messages = functions.channels, functions.messages


@pytest.fixture
async def two(tg, alice, bob, loopback_client):
    """Alice, who owns what there is, and Bob, each with a client."""
    return await loopback_client(alice), await loopback_client(bob)


async def knows(chat, *clients):
    """Let the clients find the chat, and return how to name it in a request."""
    for client in clients:
        await client.get_dialogs()
    return utils.get_input_peer(await clients[0].get_input_entity(chat.peer_id))


# Channels and supergroups


async def test_a_channel_is_described(tg, alice, bob, two):
    owner, _ = two
    news = tg.add_channel("News", owner=alice, members=[bob])
    peer = await knows(news, owner)
    sent = await owner.send_message(peer, "keep this")
    await owner.pin_message(peer, sent)

    full = await owner(channels.GetFullChannelRequest(peer))

    assert full.full_chat.participants_count == 2
    assert full.full_chat.pinned_msg_id == sent.id
    assert full.chats[0].title == "News"


async def test_an_unpinned_message_is_no_longer_on_top(tg, alice, two):
    owner, _ = two
    news = tg.add_channel("News", owner=alice)
    peer = await knows(news, owner)
    sent = await owner.send_message(peer, "keep this")
    await owner.pin_message(peer, sent)

    await owner.unpin_message(peer, sent)

    full = await owner(channels.GetFullChannelRequest(peer))
    assert full.full_chat.pinned_msg_id is None


async def test_a_channel_ends_when_its_creator_says_so(tg, alice, bob, two):
    owner, member = two
    news = tg.add_channel("News", owner=alice, members=[bob])
    peer = await knows(news, owner)
    theirs = await knows(news, member)

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(channels.DeleteChannelRequest(theirs))
    await owner(channels.DeleteChannelRequest(peer))

    with pytest.raises(errors.ChannelInvalidError):
        await member.get_messages(theirs)


@pytest.mark.parametrize(
    ("name", "error"),
    [("bobby", errors.UsernameOccupiedError), ("no spaces", errors.UsernameInvalidError)],
)
async def test_a_public_name_must_be_free_and_well_formed(tg, alice, bob, two, name, error):
    owner, _ = two
    peer = await knows(tg.add_channel("News", owner=alice), owner)

    with pytest.raises(error):
        await owner(channels.UpdateUsernameRequest(peer, name))


async def test_a_channel_takes_a_public_name_and_gives_it_up(tg, alice, two):
    owner, reader = two
    news = tg.add_channel("News", owner=alice)
    peer = await knows(news, owner)

    assert await owner(channels.CheckUsernameRequest(peer, "the_news"))
    await owner(channels.UpdateUsernameRequest(peer, "the_news"))
    assert not await owner(channels.CheckUsernameRequest(peer, "the_news"))
    found = await reader.get_entity("the_news")
    await owner(channels.UpdateUsernameRequest(peer, ""))

    assert (found.title, news.username) == ("News", None)


async def test_a_supergroup_becomes_a_forum(tg, alice, two):
    owner, _ = two
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    peer = await knows(room, owner)

    changed = await owner(channels.ToggleForumRequest(peer, enabled=True, tabs=False))

    assert changed.chats[0].forum


async def test_slow_mode_takes_only_the_pauses_that_telegram_offers(tg, alice, two):
    owner, _ = two
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    peer = await knows(room, owner)

    with pytest.raises(errors.SecondsInvalidError):
        await owner(channels.ToggleSlowModeRequest(peer, 7))
    await owner(channels.ToggleSlowModeRequest(peer, 30))

    full = await owner(channels.GetFullChannelRequest(peer))
    assert full.full_chat.slowmode_seconds == 30


async def test_a_channel_that_nobody_discusses_has_no_slow_mode(tg, alice, two):
    owner, _ = two
    peer = await knows(tg.add_channel("News", owner=alice), owner)

    with pytest.raises(errors.ChannelInvalidError):
        await owner(channels.ToggleSlowModeRequest(peer, 30))


async def test_a_creator_protects_content(tg, alice, bob, two):
    owner, member = two
    news = tg.add_channel("News", owner=alice, members=[bob])
    peer, theirs = await knows(news, owner), await knows(news, member)
    sent = await owner.send_message(peer, "not to be passed on")

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(messages.ToggleNoForwardsRequest(theirs, enabled=True))
    await owner(messages.ToggleNoForwardsRequest(peer, enabled=True))

    with pytest.raises(errors.ChatForwardsRestrictedError):
        await member.forward_messages("me", sent.id, from_peer=theirs)
    with pytest.raises(errors.ChatNotModifiedError):
        await owner(messages.ToggleNoForwardsRequest(peer, enabled=True))


async def test_what_all_members_may_not_do_is_set_at_once(tg, alice, bob, two):
    owner, member = two
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    peer, theirs = await knows(room, owner), await knows(room, member)

    await owner.edit_permissions(peer, send_messages=False)

    with pytest.raises(errors.ChatWriteForbiddenError):
        await member.send_message(theirs, "may I?")


# Topics


async def test_a_topic_is_renamed_closed_and_found(tg, alice, bob, two):
    owner, member = two
    forum = tg.add_channel("Forum", owner=alice, members=[bob], forum=True)
    topic = forum.open_topic("Weather")
    peer, theirs = await knows(forum, owner), await knows(forum, member)

    await owner(messages.EditForumTopicRequest(peer, topic.id, title="Climate", closed=True))
    listed = await owner(messages.GetForumTopicsByIDRequest(peer, [topic.id]))

    assert [(one.title, one.closed) for one in listed.topics] == [("Climate", True)]
    with pytest.raises(errors.RPCError, match="TOPIC_NOT_MODIFIED"):
        await owner(messages.EditForumTopicRequest(peer, topic.id, closed=True))
    with pytest.raises(errors.ChatAdminRequiredError):
        await member(messages.EditForumTopicRequest(theirs, topic.id, title="Mine"))


async def test_a_group_without_topics_has_none_to_list(tg, alice, two):
    owner, _ = two
    peer = await knows(tg.add_channel("Room", owner=alice, megagroup=True), owner)

    with pytest.raises(errors.ChannelForumMissingError):
        await owner(messages.GetForumTopicsRequest(peer, None, 0, 0, 10))


# Basic groups


@pytest.fixture
async def group(tg, alice, bob, two):
    """A basic group of Alice's, with Bob."""
    owner, member = two
    made = await owner(messages.CreateChatRequest(["bobby"], "Ops"))
    await member.get_dialogs()
    return made.updates.chats[0]


@pytest.mark.parametrize(
    ("people", "title", "error"),
    [
        (["bobby"], "", errors.ChatTitleEmptyError),
        ([], "Alone", errors.UsersTooFewError),
    ],
)
async def test_a_group_needs_a_title_and_people(two, people, title, error):
    owner, _ = two

    with pytest.raises(error):
        await owner(messages.CreateChatRequest(people, title))


async def test_somebody_is_brought_into_a_group_once(tg, two, group, loopback_client):
    owner, _ = two
    carol = tg.add_account("Carol", username="carol")

    await owner(messages.AddChatUserRequest(group.id, "carol", 0))

    assert carol.id in tg.chat(-group.id).members
    with pytest.raises(errors.UserAlreadyParticipantError):
        await owner(messages.AddChatUserRequest(group.id, "carol", 0))


async def test_only_an_administrator_takes_others_out_of_a_group(tg, alice, bob, two, group):
    owner, member = two

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(messages.DeleteChatUserRequest(group.id, "alice"))
    await owner(messages.DeleteChatUserRequest(group.id, "bobby"))

    assert tg.chat(-group.id).members == [alice.id]
    with pytest.raises(errors.UserNotParticipantError):
        await owner(messages.DeleteChatUserRequest(group.id, "bobby"))


async def test_somebody_leaves_a_group(tg, alice, two, group):
    _, member = two

    await member.delete_dialog(-group.id)

    assert tg.chat(-group.id).members == [alice.id]


async def test_a_member_who_was_made_administrator_may_rename_the_group(tg, two, group):
    owner, member = two

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(messages.EditChatTitleRequest(group.id, "Mine"))
    await owner(messages.EditChatAdminRequest(group.id, "bobby", is_admin=True))
    await member(messages.EditChatTitleRequest(group.id, "Ours"))

    listed = await owner(messages.GetChatsRequest([group.id]))
    assert listed.chats[0].title == tg.chat(-group.id).title == "Ours"


async def test_only_the_creator_makes_administrators_of_members(two, group):
    owner, member = two

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(messages.EditChatAdminRequest(group.id, "bobby", is_admin=True))
    await owner(messages.DeleteChatUserRequest(group.id, "bobby"))

    with pytest.raises(errors.UserNotParticipantError):
        await owner(messages.EditChatAdminRequest(group.id, "bobby", is_admin=True))


async def test_a_group_is_described_with_the_part_of_each(alice, bob, two, group):
    owner, _ = two
    await owner(messages.EditChatAdminRequest(group.id, "bobby", is_admin=True))

    full = await owner(messages.GetFullChatRequest(group.id))

    people = full.full_chat.participants.participants
    assert [(type(one), one.user_id) for one in people] == [
        (types.ChatParticipantCreator, alice.id),
        (types.ChatParticipantAdmin, bob.id),
    ]


# Histories


async def test_a_history_is_cleared_for_oneself_or_for_both(tg, two):
    owner, member = two
    await owner.send_message("bobby", "one")
    await member.get_dialogs()

    await owner(messages.DeleteHistoryRequest("bobby", 0))
    kept = await member.get_messages("alice")
    await member(messages.DeleteHistoryRequest("alice", 0, revoke=True))

    assert [one.raw_text for one in kept] == ["one"]
    assert await owner.get_messages("bobby") == await member.get_messages("alice") == []

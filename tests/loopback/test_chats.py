"""Groups, channels, supergroups and forums: made by clients, with rights that are refused."""

from __future__ import annotations

import asyncio

import pytest
from telethon import errors, events, functions, types, utils

pytestmark = pytest.mark.loopback


async def input_of(client, chat):
    return utils.get_input_channel(await client.get_input_entity(chat.peer_id))


async def test_a_client_makes_a_channel_and_writes_in_it(tg, alice, loopback_client):
    client = await loopback_client(alice)

    made = await client(functions.channels.CreateChannelRequest("News", "about", broadcast=True))
    sent = await client.send_message(made.chats[0], "first")

    chat = tg.chat(utils.get_peer_id(made.chats[0]))
    assert (chat.title, chat.texts, sent.id) == ("News", ["first"], 2)
    assert sent.post


async def test_a_client_makes_a_basic_group_with_others(tg, alice, bob, loopback_client, hear):
    client, other = await loopback_client(alice), await loopback_client(bob)
    heard = hear(other)

    made = await client(functions.messages.CreateChatRequest(["bobby"], "Ops"))
    group = made.updates.chats[0]
    await client.send_message(group, "hello all")

    assert (await heard.next()).raw_text == "hello all"
    full = await client(functions.messages.GetFullChatRequest(group.id))
    assert [p.user_id for p in full.full_chat.participants.participants] == [alice.id, bob.id]


async def test_a_title_is_changed_by_who_may(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, members=[bob])
    owner, member = await loopback_client(alice), await loopback_client(bob)
    for client in (owner, member):
        await client.get_dialogs()

    with pytest.raises(errors.ChatAdminRequiredError):
        await member(functions.channels.EditTitleRequest(await input_of(member, news), "Mine now"))
    await owner(functions.channels.EditTitleRequest(await input_of(owner, news), "Newer"))

    assert news.title == "Newer"


async def test_a_public_channel_is_found_joined_and_left(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, username="the_news")
    client = await loopback_client(bob)
    found = await client.get_entity("the_news")
    tg.post(news, "to be read before joining")

    assert (await client.get_messages("the_news"))[0].raw_text == "to be read before joining"
    await client(functions.channels.JoinChannelRequest(found))
    assert bob.id in news.members
    await client(functions.channels.LeaveChannelRequest(found))

    assert bob.id not in news.members


async def test_who_was_banned_from_a_public_channel_cannot_read_or_come_back(
    tg, alice, bob, loopback_client
):
    news = tg.add_channel("News", owner=alice, members=[bob], username="the_news")
    client = await loopback_client(bob)
    channel = await client.get_input_entity("the_news")
    news.kick(bob)

    for refused in (
        client.get_messages(channel),
        client(functions.channels.JoinChannelRequest(channel)),
    ):
        with pytest.raises(errors.ChannelPrivateError):
            await refused
    news.join(bob)
    tg.post(news, "forgiven")

    assert (await client.get_messages(channel))[0].raw_text == "forgiven"


async def test_names_that_nobody_has_are_refused(tg, alice, loopback_client):
    client = await loopback_client(alice)

    with pytest.raises(errors.UsernameNotOccupiedError):
        await client(functions.contacts.ResolveUsernameRequest("nobody_here"))
    with pytest.raises(errors.UsernameInvalidError):
        await client(functions.contacts.ResolveUsernameRequest("!"))


async def test_access_hashes_are_each_accounts_own(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, members=[bob])
    one, other = await loopback_client(alice), await loopback_client(bob)
    await one.get_dialogs()
    stolen = await input_of(one, news)

    with pytest.raises(errors.ChannelInvalidError):
        await other(functions.channels.GetChannelsRequest([stolen]))


async def test_a_private_channel_is_closed_to_others(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, members=[bob])
    client = await loopback_client(bob)
    await client.get_dialogs()
    news.leave(bob)

    with pytest.raises(errors.ChannelPrivateError):
        await client.get_messages(news.peer_id)


async def test_members_of_a_channel_do_not_write_in_it(tg, alice, bob, loopback_client):
    news = tg.add_channel("News", owner=alice, members=[bob])
    client = await loopback_client(bob)
    await client.get_dialogs()

    with pytest.raises(errors.ChatWriteForbiddenError):
        await client.send_message(news.peer_id, "me too")
    news.set_rights(bob, post=True)
    await client.send_message(news.peer_id, "now I may")

    assert news.texts == ["now I may"]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("one member", errors.UserBannedInChannelError),
        ("all members", errors.ChatWriteForbiddenError),
    ],
)
async def test_the_right_to_write_can_be_taken(tg, alice, bob, loopback_client, how, error):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    client = await loopback_client(bob)
    await client.get_dialogs()
    if how == "one member":
        room.set_rights(bob, send=False)
    else:
        room.set_default_rights(send=False)

    with pytest.raises(error):
        await client.send_message(room.peer_id, "may I?")


async def test_an_administrator_restricts_bans_and_promotes(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    owner, member = await loopback_client(alice), await loopback_client(bob)
    for client in (owner, member):
        await client.get_dialogs()

    await owner.edit_permissions(room.peer_id, "bobby", send_messages=False)
    with pytest.raises(errors.UserBannedInChannelError):
        await member.send_message(room.peer_id, "silenced")
    await owner.edit_permissions(room.peer_id, "bobby")
    await owner.edit_admin(room.peer_id, "bobby", delete_messages=True)
    permissions = await owner.get_permissions(room.peer_id, "bobby")
    assert permissions.delete_messages
    await owner.edit_permissions(room.peer_id, "bobby", view_messages=False)

    with pytest.raises(errors.ChannelPrivateError):
        await member.send_message(room.peer_id, "out")


async def test_who_was_only_taken_out_may_come_back(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, members=[bob], username="the_room", megagroup=True)
    owner, member = await loopback_client(alice), await loopback_client(bob)
    channel = await member.get_input_entity("the_room")

    await owner.kick_participant("the_room", "bobby")
    assert bob.id not in room.members
    await member(functions.channels.JoinChannelRequest(channel))

    assert bob.id in room.members


async def test_participants_are_listed(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    client = await loopback_client(alice)
    await client.get_dialogs()

    names = [person.first_name for person in await client.get_participants(room.peer_id)]

    assert names == ["Alice", "Bob"]


async def test_people_are_invited_and_a_notice_says_so(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    client = await loopback_client(alice)
    await client.get_dialogs()

    await client(functions.channels.InviteToChannelRequest(await input_of(client, room), ["bobby"]))

    assert bob.id in room.members
    assert isinstance(room.messages[-1].action, types.MessageActionChatAddUser)


async def test_an_invite_link_is_followed_until_it_is_replaced(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    owner, guest = await loopback_client(alice), await loopback_client(bob)
    await owner.get_dialogs()
    exported = await owner(functions.messages.ExportChatInviteRequest(room.peer_id))
    code = exported.link.rpartition("+")[2]

    seen = await guest(functions.messages.CheckChatInviteRequest(code))
    await guest(functions.messages.ImportChatInviteRequest(code))
    await owner(functions.messages.ExportChatInviteRequest(room.peer_id))

    assert seen.title == "Room"
    assert bob.id in room.members
    with pytest.raises(errors.InviteHashExpiredError):
        await guest(functions.messages.CheckChatInviteRequest(code))


async def test_who_follows_a_link_that_needs_approval_is_in_once_an_admin_says_so(
    tg, alice, bob, loopback_client, hear
):
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    owner, guest = await loopback_client(alice), await loopback_client(bob)
    await owner.get_dialogs()
    heard = asyncio.Queue()
    owner.add_event_handler(heard.put, events.Raw(types.UpdatePendingJoinRequests))
    exported = await owner(
        functions.messages.ExportChatInviteRequest(room.peer_id, request_needed=True)
    )
    code = exported.link.rpartition("+")[2]

    seen = await guest(functions.messages.CheckChatInviteRequest(code))
    with pytest.raises(errors.InviteRequestSentError):
        await guest(functions.messages.ImportChatInviteRequest(code))
    told = await asyncio.wait_for(heard.get(), 5)
    asked = await owner(
        functions.messages.GetChatInviteImportersRequest(
            room.peer_id, None, types.InputUserEmpty(), 10, requested=True
        )
    )
    outside = list(room.members)
    await owner(
        functions.messages.HideChatJoinRequestRequest(room.peer_id, asked.users[0], approved=True)
    )

    assert seen.request_needed
    assert told.recent_requesters == [bob.id]
    assert [one.user_id for one in asked.importers] == [bob.id]
    assert bob.id not in outside
    assert bob.id in room.members
    assert room.requests == []


async def test_who_was_turned_away_stays_out_and_may_ask_again(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, megagroup=True)
    code = room.new_invite(approval=True).rpartition("+")[2]
    guest = await loopback_client(bob)
    with pytest.raises(errors.InviteRequestSentError):
        await guest(functions.messages.ImportChatInviteRequest(code))

    room.turn_away(bob)
    with pytest.raises(errors.InviteRequestSentError):
        await guest(functions.messages.ImportChatInviteRequest(code))

    assert room.requests == [bob.id]
    assert bob.id not in room.members


async def test_slow_mode_makes_members_wait_by_the_clock(timed, clock, connect):
    alice, bob = timed.add_account("Alice"), timed.add_account("Bob")
    room = timed.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    room.set_slowmode(30)
    client = await connect(timed, bob, flood_sleep_threshold=0)
    await client.get_dialogs()
    await client.send_message(room.peer_id, "first")

    clock.advance(10)
    with pytest.raises(errors.SlowModeWaitError) as caught:
        await client.send_message(room.peer_id, "too soon")
    clock.advance(20)
    await client.send_message(room.peer_id, "second")

    assert caught.value.seconds == 20
    assert room.texts == ["first", "second"]


async def test_topics_hold_their_messages_apart(tg, alice, loopback_client, hear):
    forum = tg.add_channel("Forum", owner=alice, forum=True)
    client = await loopback_client(alice)
    await client.get_dialogs()
    peer = await client.get_input_entity(forum.peer_id)
    made = await client(functions.messages.CreateForumTopicRequest(peer, "Topic", random_id=1))
    topic = next(u.id for u in made.updates if isinstance(u, types.UpdateMessageID))

    inside = await client.send_message(peer, "inside", reply_to=topic)
    answer = await client.send_message(peer, "answer", reply_to=inside.id)
    await client.send_message(peer, "outside")
    read = [m.raw_text async for m in client.iter_messages(peer, reply_to=topic, wait_time=0)]

    assert [text for text in read if text] == ["answer", "inside"]
    assert inside.reply_to.forum_topic
    assert answer.reply_to.forum_topic
    assert (answer.reply_to.reply_to_msg_id, answer.reply_to.reply_to_top_id) == (inside.id, topic)
    listed = await client(functions.messages.GetForumTopicsRequest(peer, None, 0, 0, 10))
    assert [t.title for t in listed.topics] == ["Topic"]


async def test_a_closed_topic_takes_no_messages_from_members(tg, alice, bob, loopback_client):
    forum = tg.add_channel("Forum", owner=alice, members=[bob], forum=True)
    topic = forum.open_topic("Closed")
    forum.close_topic(topic)
    client = await loopback_client(bob)
    await client.get_dialogs()

    with pytest.raises(errors.BadRequestError, match="TOPIC_CLOSED"):
        await client.send_message(forum.peer_id, "hello?", reply_to=topic.id)


async def test_a_deleted_topic_is_gone_with_its_messages(tg, alice, loopback_client):
    forum = tg.add_channel("Forum", owner=alice, forum=True)
    topic = forum.open_topic("Doomed")
    tg.post(forum, "in it", topic_id=topic.id)
    client = await loopback_client(alice)
    await client.get_dialogs()
    peer = await client.get_input_entity(forum.peer_id)

    await client(functions.messages.DeleteTopicHistoryRequest(peer, topic.id))

    assert forum.texts == []
    with pytest.raises(errors.TopicDeletedError):
        await client(
            functions.messages.SendMessageRequest(
                peer,
                "late",
                reply_to=types.InputReplyToMessage(reply_to_msg_id=topic.id, top_msg_id=topic.id),
            )
        )


async def test_the_list_of_dialogs_has_newest_first_and_counts_the_unread(
    tg, timed, clock, connect
):
    alice, bob = timed.add_account("Alice"), timed.add_account("Bob")
    old = timed.add_channel("Old", owner=bob, members=[alice])
    clock.advance(60)
    new = timed.add_channel("New", owner=bob, members=[alice])
    for text in ("a", "b"):
        timed.post(new, text)
    client = await connect(timed, alice)

    before = await client.get_dialogs()
    await client.send_read_acknowledge(new.peer_id, max_id=1)
    after = await client.get_dialogs()

    assert [(d.title, d.unread_count) for d in before] == [("New", 2), ("Old", 0)]
    assert after[0].unread_count == 1
    assert old.peer_id == before[1].id


async def test_contacts_are_added_by_phone_number(tg, alice, bob, loopback_client):
    client = await loopback_client(alice)
    contact = types.InputPhoneContact(client_id=1, phone=bob.phone, first_name="B", last_name="")

    await client(functions.contacts.ImportContactsRequest([contact]))
    listed = await client(functions.contacts.GetContactsRequest(hash=0))

    assert [user.phone for user in listed.users] == ["9996620002"]


async def test_an_unknown_method_is_an_error_that_names_it(tg, alice, loopback_client):
    client = await loopback_client(alice)

    with pytest.raises(errors.InputMethodInvalidError):
        await client(functions.payments.GetStarsTopupOptionsRequest())

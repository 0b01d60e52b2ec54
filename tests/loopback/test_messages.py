"""Messages between stock clients: sent, heard, forwarded, edited, deleted, refused twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from telethon import errors, events, functions, types

from telewarden.loopback import ChatKind, Delay, Fault

pytestmark = pytest.mark.loopback


async def test_a_message_in_a_channel_reaches_its_members_with_text_and_entities(
    tg, alice, bob, loopback_client, hear
):
    news = tg.add_channel("News", owner=alice, members=[bob])
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader)
    await sender.get_dialogs()

    sent = await sender.send_message(news.peer_id, "so **bold**")
    event = await heard.next()

    assert (event.id, event.text, event.chat_id) == (sent.id, "so **bold**", news.peer_id)
    assert isinstance(event.entities[0], types.MessageEntityBold)


async def test_a_private_message_has_its_own_id_on_each_side(tg, alice, bob, loopback_client, hear):
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader)
    await reader.send_message("me", "moves bob's numbering on")

    sent = await sender.send_message("bobby", "hello")
    event = await heard.next()

    assert (sent.id, event.id) == (1, 2)
    assert event.sender_id == alice.id


async def test_a_basic_group_delivers_to_everybody_but_the_sender(
    tg, alice, bob, loopback_client, hear
):
    carol = tg.add_account("Carol")
    ops = tg.add_group("Ops", owner=alice, members=[bob, carol])
    sender = await loopback_client(alice)
    listening = [hear(await loopback_client(account)) for account in (bob, carol)]
    await sender.get_dialogs()

    await sender.send_message(ops.peer_id, "shift begins")

    assert [await heard.texts(1) for heard in listening] == [["shift begins"]] * 2
    assert ops.texts == ["shift begins"]


async def test_another_client_of_the_sender_hears_of_it_as_outgoing(
    tg, alice, bob, loopback_client, hear
):
    first, second = await loopback_client(alice), await loopback_client(alice)
    heard = hear(second)

    await first.send_message("bobby", "from the other device")
    event = await heard.next()

    assert event.out
    assert event.raw_text == "from the other device"


async def test_a_forward_names_the_channel_and_the_post_it_comes_from(
    tg, alice, bob, loopback_client, hear
):
    source = tg.add_channel("Source", owner=alice, members=[bob])
    target = tg.add_channel("Target", owner=bob)
    tg.post(source, "the original")
    client = await loopback_client(bob)
    await client.get_dialogs()

    [forwarded] = await client.forward_messages(target.peer_id, [1], source.peer_id)

    assert forwarded.fwd_from.from_id == types.PeerChannel(source.id)
    assert forwarded.fwd_from.channel_post == 1
    assert target.texts == ["the original"]


async def test_a_forward_without_author_hides_where_it_comes_from(tg, alice, bob, loopback_client):
    source = tg.add_channel("Source", owner=alice, members=[bob])
    target = tg.add_channel("Target", owner=bob)
    tg.post(source, "the original")
    client = await loopback_client(bob)
    await client.get_dialogs()

    [copied] = await client.forward_messages(target.peer_id, [1], source.peer_id, drop_author=True)

    assert copied.fwd_from is None
    assert copied.raw_text == "the original"


async def test_a_random_id_is_taken_once_and_its_repeat_changes_nothing(
    tg, alice, bob, loopback_client
):
    news = tg.add_channel("News", owner=alice)
    client = await loopback_client(alice)
    await client.get_dialogs()
    peer = await client.get_input_entity(news.peer_id)
    request = functions.messages.SendMessageRequest(peer, "once", random_id=77)
    await client(request)

    with pytest.raises(errors.RandomIdDuplicateError):
        await client._sender.send(request)  # past Telethon's own retries, 2 s apart

    assert news.texts == ["once"]
    assert tg.stats.duplicates == 1


async def test_a_forward_with_one_repeated_random_id_is_refused_whole(tg, alice, loopback_client):
    source = tg.add_channel("Source", owner=alice)
    target = tg.add_channel("Target", owner=alice)
    for text in ("one", "two"):
        tg.post(source, text)
    client = await loopback_client(alice)
    await client.get_dialogs()
    peers = [await client.get_input_entity(chat.peer_id) for chat in (source, target)]
    await client(functions.messages.ForwardMessagesRequest(peers[0], [1], peers[1], random_id=[5]))

    again = functions.messages.ForwardMessagesRequest(peers[0], [1, 2], peers[1], random_id=[5, 6])
    with pytest.raises(errors.RandomIdDuplicateError):
        await client._sender.send(again)

    assert target.texts == ["one"]


async def test_an_edit_reaches_the_readers(tg, alice, bob, loopback_client, hear):
    news = tg.add_channel("News", owner=alice, members=[bob])
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader, events.MessageEdited())
    await sender.get_dialogs()
    sent = await sender.send_message(news.peer_id, "helo")

    await sender.edit_message(sent, "hello")
    event = await heard.next()

    assert (event.id, event.raw_text) == (sent.id, "hello")
    with pytest.raises(errors.MessageNotModifiedError):
        await sender.edit_message(sent, "hello")


async def test_only_the_author_edits_in_a_group(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    tg.post(room, "by alice", author=alice)
    client = await loopback_client(bob)
    await client.get_dialogs()

    with pytest.raises(errors.MessageAuthorRequiredError):
        await client.edit_message(room.peer_id, 1, "by bob")


async def test_a_deletion_reaches_the_readers_of_a_channel(tg, alice, bob, loopback_client, hear):
    news = tg.add_channel("News", owner=alice, members=[bob])
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader, events.MessageDeleted())
    await sender.get_dialogs()
    sent = await sender.send_message(news.peer_id, "oops")

    await sender.delete_messages(news.peer_id, [sent.id])
    event = await heard.next()

    assert (event.deleted_ids, event.chat_id) == ([sent.id], news.peer_id)
    assert news.messages == []


async def test_a_deletion_for_both_takes_the_other_sides_own_id(
    tg, alice, bob, loopback_client, hear
):
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    await reader.send_message("me", "moves the numbering on")
    heard = hear(reader, events.MessageDeleted())
    sent = await sender.send_message("bobby", "oops")

    await sender.delete_messages("bobby", [sent.id], revoke=True)
    event = await heard.next()

    assert event.deleted_ids == [2]


async def test_an_answer_names_the_message_it_answers_on_each_side(
    tg, alice, bob, loopback_client, hear
):
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    await reader.send_message("me", "moves the numbering on")
    heard = hear(sender)
    asked = await sender.send_message("bobby", "how are you?")

    await reader.send_message("alice", "fine", reply_to=2)
    event = await heard.next()

    assert event.reply_to.reply_to_msg_id == asked.id


async def test_protected_content_is_not_forwarded(tg, alice, bob, loopback_client):
    source = tg.add_channel("Source", owner=alice, members=[bob], noforwards=True)
    target = tg.add_channel("Target", owner=bob)
    tg.post(source, "secret")
    client = await loopback_client(bob)
    await client.get_dialogs()

    with pytest.raises(errors.ChatForwardsRestrictedError):
        await client.forward_messages(target.peer_id, [1], source.peer_id)
    assert target.texts == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x" * 4097, errors.MessageTooLongError),
        ("", errors.MessageEmptyError),
    ],
    ids=["too long", "empty"],
)
async def test_a_text_that_telegram_would_not_take_is_refused(
    tg, alice, loopback_client, text, error
):
    client = await loopback_client(alice)

    with pytest.raises(error):
        await client(functions.messages.SendMessageRequest(types.InputPeerSelf(), text))


async def test_a_message_for_later_is_refused_and_not_sent_now(tg, alice, loopback_client):
    client = await loopback_client(alice)

    with pytest.raises(errors.ScheduleDateInvalidError):
        await client.send_message("me", "later", schedule=datetime.now(UTC) + timedelta(hours=1))

    assert tg.history(alice) == []


async def test_what_the_server_posts_arrives_like_any_message(
    tg, alice, bob, loopback_client, hear
):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    reader = await loopback_client(alice)
    heard = hear(reader)

    posted = tg.post(room, "from the server", author=bob)
    event = await heard.next()

    assert (event.id, event.sender_id) == (posted.id, bob.id)
    assert room.record.kind is ChatKind.MEGAGROUP


async def test_history_is_read_in_slices_from_a_point_on(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    for number in range(1, 151):
        tg.post(news, f"m{number}")
    client = await loopback_client(alice)
    await client.get_dialogs()

    newest = [m.id async for m in client.iter_messages(news.peer_id, limit=3)]
    onwards = [
        m.id
        async for m in client.iter_messages(news.peer_id, min_id=145, reverse=True, wait_time=0)
    ]
    before = [m.id async for m in client.iter_messages(news.peer_id, offset_id=4, wait_time=0)]
    everything = [m.id async for m in client.iter_messages(news.peer_id, limit=None, wait_time=0)]

    assert newest == [150, 149, 148]
    assert onwards == [146, 147, 148, 149, 150]
    assert before == [3, 2, 1]
    assert everything == list(range(150, 0, -1))


async def test_messages_are_found_by_id_and_by_text(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    for text in ("apple", "pear", "Pineapple"):
        tg.post(news, text)
    client = await loopback_client(alice)
    await client.get_dialogs()

    by_id = await client.get_messages(news.peer_id, ids=[2, 9])
    by_text = await client.get_messages(news.peer_id, search="apple", limit=10)

    assert [message and message.raw_text for message in by_id] == ["pear", None]
    assert [message.raw_text for message in by_text] == ["Pineapple", "apple"]


def _in_turn(client, peer, *texts):
    requests = [
        functions.messages.SendMessageRequest(peer, text, random_id=number)
        for number, text in enumerate(texts, 1)
    ]
    return asyncio.gather(*client._sender.send(requests, ordered=True), return_exceptions=True)


async def test_a_request_that_follows_a_refused_one_is_not_carried_out(
    tg, alice, bob, loopback_client
):
    news = tg.add_channel("News", owner=alice, members=[bob])
    sender = await loopback_client(alice)
    await sender.get_dialogs()
    peer = await sender.get_input_entity(news.peer_id)

    _, refused, *others = await _in_turn(sender, peer, "one", "", "three", "four")

    assert isinstance(refused, errors.MessageEmptyError)
    assert [type(one) for one in others] == [errors.MsgWaitFailedError] * 2
    assert news.texts == ["one"]


async def test_a_request_that_follows_a_slow_one_waits_for_it(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    sender = await loopback_client(alice)
    await sender.get_dialogs()
    peer = await sender.get_input_entity(news.peer_id)
    tg.faults.add(Fault(method="messages.sendMessage", action=Delay(0.05), times=1))

    await _in_turn(sender, peer, "one", "two", "three")

    assert news.texts == ["one", "two", "three"]


async def test_how_a_message_is_shown_and_told_is_kept(tg, alice, bob, loopback_client):
    client, reader = await loopback_client(alice), await loopback_client(bob)
    first = await client.send_message("bobby", "gold rises, silver falls")
    peer = await client.get_input_entity("bobby")
    await reader.get_dialogs()
    answer = types.InputReplyToMessage(first.id, quote_text="silver falls", quote_offset=12)
    page = types.InputMediaWebPage("https://a.example/", force_small_media=True)

    await client(
        functions.messages.SendMediaRequest(
            peer, page, "https://b.example/ why?", reply_to=answer, invert_media=True, effect=7
        )
    )

    (read,) = await reader.get_messages(alice.id, limit=1)
    assert (read.invert_media, read.effect, read.reply_to.quote_text) == (True, 7, "silver falls")
    assert (read.media.webpage.url, read.media.force_small_media) == ("https://a.example/", True)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"entities": [types.MessageEntityBold(0, 6)]}, "invalid bounds"),
        ({"message": "😀" * 2049}, "too long"),
        ({"effect": 7}, "EFFECT_ID_INVALID"),
        ({"reply_to": types.InputReplyToMessage(1, quote_text="unsaid")}, "QUOTE_TEXT_INVALID"),
    ],
)
async def test_what_telegram_does_not_take_of_a_message_in_a_channel_is_refused(
    tg, alice, loopback_client, fields, error
):
    news = tg.add_channel("News", owner=alice)
    tg.post(news, "one")
    client = await loopback_client(alice)
    await client.get_dialogs()
    peer = await client.get_input_entity(news.peer_id)

    with pytest.raises(errors.RPCError, match=error):
        await client(functions.messages.SendMessageRequest(peer, **{"message": "hello", **fields}))


async def test_a_mention_by_number_is_told_as_one_and_opens_somebody(
    tg, alice, bob, loopback_client
):
    client = await loopback_client(alice)
    await client.get_dialogs()
    user = await client.get_input_entity("bobby")
    mention = types.InputMessageEntityMentionName(0, 5, types.InputUser(user.user_id, 0))
    mention.user_id.access_hash = user.access_hash

    sent = await client.send_message("me", "Bobby", formatting_entities=[mention])

    (read,) = await client.get_messages("me", ids=[sent.id])
    assert [type(one).__name__ for one in read.entities] == ["MessageEntityMentionName"]
    assert read.entities[0].user_id == user.user_id

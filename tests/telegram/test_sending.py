"""Requests that can be repeated, history, albums, rights: on the loopback data centre."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors as tgerrors
from telethon import functions, types

from telewarden.errors import PeerUnknownError, ProtectedContentError
from telewarden.loopback import Fault, RpcError
from telewarden.telegram import (
    Access,
    Action,
    Arrived,
    Deleted,
    Edited,
    ErrorClass,
    RichText,
    access,
    classify,
    copy_request,
    delete_request,
    edit_request,
    fetch,
    forward_request,
    history,
    join,
    log_out,
    random_id_for,
    sent_ids,
)

pytestmark = pytest.mark.telegram


@pytest.fixture
def target(line: Any) -> Any:
    """A channel that alice may write in."""
    return line.tg.add_channel("Target", owner=line.alice)


@pytest.fixture
async def client(line: Any, target: Any) -> Any:
    """Alice, who reads News and writes Target."""
    client = await line.open(line.alice)
    await client.learn_chats()
    return client


async def messages_of(client: Any, chat: Any) -> list[Any]:
    return await history(client, chat.peer_id)


@given(st.text(), st.integers(-(2**60), 2**60), st.integers(0, 2**31), st.integers(0, 20))
def test_a_random_id_is_a_function_and_fits_telegram(
    pair: str, chat: int, message: int, part: int
) -> None:
    first = random_id_for(pair, chat, message, part=part)

    assert first == random_id_for(pair, chat, message, part=part)
    assert first != 0
    assert -(2**63) <= first < 2**63
    assert first != random_id_for(pair, chat, message + 1, part=part)
    assert first != random_id_for(pair, chat, message, part=part + 1)


def test_random_ids_stay_what_they_were() -> None:
    # Written down once: a change would send everything in flight a second time.
    assert random_id_for(7, -1001234567890, 42) == 2801455688412263766


@pytest.mark.parametrize("mode", ["forward", "copy"])
async def test_a_repeated_request_arrives_once(
    line: Any, client: Any, target: Any, mode: str
) -> None:
    line.tg.post(line.news, "hello", author=line.bob)
    (message,) = await messages_of(client, line.news)
    random_id = random_id_for("pair", message.chat, message.id)
    if mode == "forward":
        request = forward_request(
            client, line.news.peer_id, target.peer_id, [message.id], [random_id]
        )
    else:
        request = copy_request(client, target.peer_id, [message], [random_id])

    result = await client.call(request)
    with pytest.raises(tgerrors.RPCError) as caught:
        await client.call(request)

    assert classify(caught.value).kind is ErrorClass.DELIVERED
    assert target.texts == ["hello"]
    (arrived,) = target.messages
    assert sent_ids(result, [random_id]) == {random_id: arrived.id}


async def test_a_request_whose_answer_was_lost_is_repeated_without_doubling(
    line: Any, client: Any, target: Any
) -> None:
    line.tg.post(line.news, "hello", author=line.bob)
    (message,) = await messages_of(client, line.news)
    request = copy_request(client, target.peer_id, [message], [5])
    line.tg.faults.add(
        Fault(
            method="messages.sendMessage",
            action=RpcError("RPC_CALL_FAIL", 500, executed=True),
            times=1,
        )
    )

    with pytest.raises(tgerrors.RPCError) as first:
        await client.call(request)
    with pytest.raises(tgerrors.RPCError) as second:
        await client.call(request)

    assert classify(first.value).kind is ErrorClass.SRV
    assert classify(second.value).kind is ErrorClass.DELIVERED
    assert target.texts == ["hello"]


async def test_several_messages_are_forwarded_in_order(line: Any, client: Any, target: Any) -> None:
    for number in range(5):
        line.tg.post(line.news, str(number), author=line.bob)
    messages = await messages_of(client, line.news)
    ids = [one.id for one in messages]
    random_ids = [random_id_for(1, one.chat, one.id) for one in messages]

    result = await client.call(
        forward_request(client, line.news.peer_id, target.peer_id, ids, random_ids)
    )

    assert target.texts == ["0", "1", "2", "3", "4"]
    sent = sent_ids(result, random_ids)
    assert [sent[one] for one in random_ids] == [one.id for one in target.messages]


async def test_a_copy_keeps_entities_or_takes_another_text(
    line: Any, client: Any, target: Any
) -> None:
    bold = types.MessageEntityBold(0, 5)
    line.tg.post(line.news, "hello", author=line.bob, entities=[bold])
    (message,) = await messages_of(client, line.news)

    await client.call(copy_request(client, target.peer_id, [message], [1]))
    await client.call(
        copy_request(client, target.peer_id, [message], [2], texts={message.id: RichText("other")})
    )

    assert target.texts == ["hello", "other"]
    kept, replaced = await messages_of(client, target)
    assert kept.raw.entities == [bold]
    assert not replaced.raw.entities


async def test_protected_content_is_not_copied(line: Any, client: Any, target: Any) -> None:
    line.news.set_noforwards(True)
    line.tg.post(line.news, "secret", author=line.bob)
    (message,) = await messages_of(client, line.news)

    assert message.noforwards
    with pytest.raises(ProtectedContentError):
        copy_request(client, target.peer_id, [message], [1])
    with pytest.raises(tgerrors.RPCError) as caught:
        await client.call(
            forward_request(client, line.news.peer_id, target.peer_id, [message.id], [2])
        )
    assert classify(caught.value).kind is ErrorClass.PAIR
    assert target.texts == []


async def test_history_is_read_oldest_first_from_a_mark(line: Any, client: Any) -> None:
    posted = [line.tg.post(line.news, str(number), author=line.bob) for number in range(250)]

    everything = await history(client, line.news.peer_id, limit=1_000)
    some = await history(client, line.news.peer_id, posted[99].id, 120)
    nothing = await history(client, line.news.peer_id, posted[-1].id)

    assert [one.text for one in everything] == [str(number) for number in range(250)]
    assert [one.text for one in some] == [str(number) for number in range(100, 220)]
    assert nothing == []


async def test_history_passes_over_what_was_deleted(line: Any, client: Any) -> None:
    posted = [line.tg.post(line.news, str(number), author=line.bob) for number in range(150)]
    line.news.delete_messages(posted[10:120])

    found = await history(client, line.news.peer_id, limit=1_000)

    assert [one.id for one in found] == [one.id for one in posted[:10] + posted[120:]]


async def test_messages_are_read_anew_by_their_ids(line: Any, client: Any) -> None:
    posted = [line.tg.post(line.news, str(number), author=line.bob) for number in range(3)]
    line.news.delete_messages(posted[1:2])

    found = await fetch(client, line.news.peer_id, [one.id for one in posted])

    assert [one.text for one in found] == ["0", "2"]


async def test_an_unknown_chat_is_learned_from_the_dialogs(line: Any) -> None:
    client = await line.open(line.alice)
    with pytest.raises(PeerUnknownError) as caught:
        client.peer(line.news.peer_id)

    learned = await client.learn_chats()

    assert classify(caught.value).kind is ErrorClass.PAIR
    assert learned >= 1
    assert client.peer(line.news.peer_id) is not None


async def test_many_dialogs_are_learned_page_by_page(line: Any) -> None:
    chats = [line.tg.add_channel(f"C{number}", owner=line.bob) for number in range(230)]
    for chat in chats:
        chat.join(line.alice)
        line.tg.post(chat, "x", author=line.bob)
    client = await line.open(line.alice)

    await client.learn_chats(limit=1_000)

    assert [client.peer(chat.peer_id) for chat in chats]


async def test_edits_and_deletions_are_told(line: Any) -> None:
    heard = line.heard()
    await line.open(line.alice, heard)
    posted = line.tg.post(line.news, "hello", author=line.bob)
    await heard.until(Arrived)

    line.news.edit_message(posted, "changed")
    (edited,) = await heard.until(Edited)
    line.news.delete_messages([posted])
    (deleted,) = await heard.until(Deleted)

    assert (edited.message.id, edited.message.text) == (posted.id, "changed")
    assert deleted == Deleted(line.news.peer_id, (posted.id,))


async def test_sent_messages_are_edited_and_deleted(line: Any, client: Any, target: Any) -> None:
    line.tg.post(line.news, "hello", author=line.bob)
    (message,) = await messages_of(client, line.news)
    result = await client.call(copy_request(client, target.peer_id, [message], [9]))
    sent = sent_ids(result, [9])[9]

    await client.call(edit_request(client, target.peer_id, sent, message, text=RichText("better")))
    assert target.texts == ["better"]
    await client.call(delete_request(client, target.peer_id, [sent]))
    assert target.texts == []


async def test_private_messages_and_groups_are_told(line: Any) -> None:
    heard = line.heard()
    group = line.tg.add_group("Ops", owner=line.bob, members=[line.alice])
    await line.open(line.alice, heard)

    line.tg.post(line.alice, "psst", author=line.bob)
    line.tg.post(group, "all", author=line.bob)

    private, common = (one.message for one in await heard.until(Arrived, 2))
    assert (private.chat, private.sender, private.text) == (line.bob.id, line.bob.id, "psst")
    assert (common.chat, common.sender, common.text) == (group.peer_id, line.bob.id, "all")


async def test_what_may_be_done_in_a_chat_is_told(line: Any, client: Any, target: Any) -> None:
    talk = line.tg.add_channel("Talk", owner=line.bob, members=[line.alice], megagroup=True)
    await client.learn_chats()

    assert await access(client, target.peer_id) == Access(read=True, write=True, title="Target")
    assert await access(client, line.news.peer_id) == Access(read=True, write=False, title="News")
    assert (await access(client, talk.peer_id)).write
    talk.set_rights(line.alice, send=False)
    assert not (await access(client, talk.peer_id)).write
    talk.set_noforwards(True)
    assert (await access(client, talk.peer_id)).protected


async def test_lost_access_is_the_pairs_trouble(line: Any, client: Any) -> None:
    line.news.kick(line.alice)

    with pytest.raises(tgerrors.RPCError) as caught:
        await history(client, line.news.peer_id)

    assert classify(caught.value).kind is ErrorClass.PAIR
    assert await client.probe() >= 0


async def test_a_public_chat_is_joined_by_its_name(line: Any, client: Any) -> None:
    club = line.tg.add_channel("Club", owner=line.bob, username="theclub")

    assert await join(client, "@theclub") == club.peer_id
    assert line.alice.id in club.members
    with pytest.raises(ValueError, match="no chat's name"):
        await join(client, "!")


async def test_a_logout_ends_the_key(line: Any, client: Any) -> None:
    session = client.session
    await log_out(client)
    await line.gateway.close("alice")

    with pytest.raises(tgerrors.RPCError) as caught:
        await line.open(line.alice, session=session)
    assert classify(caught.value).latches_key


async def upload(line: Any, count: int) -> None:
    """Have bob post an album of ``count`` pictures in News."""
    bob = await line.open(line.bob)
    await bob.learn_chats()
    peer = bob.peer(line.news.peer_id)
    album = []
    for number in range(count):
        await bob.call(functions.upload.SaveFilePartRequest(number + 1, 0, PICTURE))
        file = types.InputFile(number + 1, 1, "a.jpg", "")
        found = await bob.call(
            functions.messages.UploadMediaRequest(peer, types.InputMediaUploadedPhoto(file))
        )
        photo = types.InputPhoto(
            found.photo.id, found.photo.access_hash, found.photo.file_reference
        )
        album.append(
            types.InputSingleMedia(types.InputMediaPhoto(photo), f"p{number}", random_id=number + 1)
        )
    await bob.call(functions.messages.SendMultiMediaRequest(peer, album))


PICTURE = b"\xff\xd8\xff\xe0 a picture"


async def test_an_album_is_copied_whole_and_once(line: Any, client: Any, target: Any) -> None:
    await upload(line, 3)
    album = await messages_of(client, line.news)
    assert len({one.grouped_id for one in album}) == 1
    random_ids = [random_id_for(1, one.chat, one.id) for one in album]
    request = copy_request(client, target.peer_id, album, random_ids)

    result = await client.call(request)
    with pytest.raises(tgerrors.RPCError) as caught:
        await client.call(request)

    assert classify(caught.value).kind is ErrorClass.DELIVERED
    copied = await messages_of(client, target)
    assert [one.text for one in copied] == ["p0", "p1", "p2"]
    assert len({one.grouped_id for one in copied}) == 1
    assert set(sent_ids(result, random_ids)) == set(random_ids)


async def test_a_picture_whose_reference_expired_is_read_anew(
    line: Any, client: Any, target: Any
) -> None:
    await upload(line, 2)
    stale = (await messages_of(client, line.news))[0]
    line.tg.expire_file_references()
    with pytest.raises(tgerrors.RPCError) as caught:
        await client.call(copy_request(client, target.peer_id, [stale], [1]))

    (fresh,) = await fetch(client, line.news.peer_id, [stale.id])
    await client.call(copy_request(client, target.peer_id, [fresh], [1]))

    assert classify(caught.value).action is Action.REFETCH_MESSAGE
    assert target.texts == ["p0"]


async def test_topics_and_replies_are_kept(line: Any) -> None:
    forum = line.tg.add_channel("Forum", owner=line.alice, forum=True)
    line.tg.post(forum, "message 1, which no topic can be", author=line.alice)
    topic = forum.open_topic("Weather")
    heard = line.heard()
    client = await line.open(line.alice, heard)
    await client.learn_chats()
    line.news.join(line.alice)
    line.tg.post(line.news, "rain", author=line.bob)
    (message,) = await messages_of(client, line.news)

    sent = await client.call(copy_request(client, forum.peer_id, [message], [1], topic=topic.id))
    first = sent_ids(sent, [1])[1]
    await client.call(
        copy_request(
            client,
            forum.peer_id,
            [message],
            [2],
            texts={message.id: RichText("reply")},
            reply_to=first,
            topic=topic.id,
        )
    )
    words = {message.id: RichText("all")}
    await client.call(copy_request(client, forum.peer_id, [message], [3], texts=words, topic=1))

    rain, reply, common = (
        one for one in await messages_of(client, forum) if one.text in {"rain", "reply", "all"}
    )
    assert (rain.topic, reply.topic, common.topic) == (topic.id, topic.id, None)
    assert (rain.reply_to, reply.reply_to, common.reply_to) == (None, first, None)

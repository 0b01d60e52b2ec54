"""What a message holds arrives as it was: albums, media, edits, deletions, replies, topics."""

from __future__ import annotations

import asyncio
import contextlib
import io
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import TelegramClient, functions, types
from telethon.sessions import StringSession

from telewarden.loopback import ChatHandle, CutConnection, Fault, FloodWait, Refuse, RpcError
from telewarden.supervision import ChildFailed
from telewarden.telegram import CopyChanged, DeadLettered, FloodBegan, PairPaused, SessionRecovered

from .conftest import ALICE, BOB, LOOK_EVERY, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def png(width: int) -> bytes:
    """A picture that is a PNG and nothing more; its width tells it from others."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = chunk(b"IHDR", struct.pack(">iiBBBBB", width, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(width + 1)))


def named(data: bytes) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = "dot.png"
    return file


@contextlib.asynccontextmanager
async def press(newsroom: Newsroom) -> AsyncIterator[Any]:
    """The press's own client, a stock one."""
    session = StringSession(newsroom.telegram.mint(newsroom.account(PRESS)))
    client: Any = TelegramClient(session, 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    await client.get_dialogs()
    yield client
    await client.disconnect()


async def send_album(client: Any, chat: ChatHandle, count: int, caption: str = "") -> None:
    files = [named(png(width + 1)) for width in range(count)]
    await client.send_file(chat.peer_id, files, caption=[caption, *[""] * (count - 1)])


def grouped(chat: ChatHandle) -> list[int]:
    """How many items each album of a chat has, in order; messages without one count 0."""
    sizes: dict[object, int] = {}
    for message in chat.messages:
        key = message.grouped_id or -message.id
        sizes[key] = sizes.get(key, 0) + (1 if message.grouped_id else 0)
    return list(sizes.values())


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_an_album_arrives_whole_and_in_its_place(
    newsroom: Newsroom, source: str, target: str
) -> None:
    await newsroom.start()
    async with press(newsroom) as client:
        newsroom.say(source, "before")
        await send_album(client, newsroom.chats[source], 3, "look")
        newsroom.say(source, "after")

    await newsroom.arrives(target, "before", "look", "", "", "after")
    assert grouped(newsroom.chats[target]) == [0, 3, 0]


async def test_an_album_that_was_posted_while_the_warden_was_down_arrives_whole(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    async with press(newsroom) as client:
        await send_album(client, newsroom.chats["market_in"], 10, "ten")
        await send_album(client, newsroom.chats["market_in"], 2, "two")
    await newsroom.start()

    await newsroom.arrives("market_out", "ten", *[""] * 9, "two", "")
    assert grouped(newsroom.chats["market_out"]) == [10, 2]


async def test_a_repeated_album_of_which_a_part_had_arrived_is_completed(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    async with press(newsroom) as client:
        await send_album(client, newsroom.chats["market_in"], 3, "look")
    await newsroom.arrives("market_out", "look", "", "")
    out = newsroom.chats["market_out"]
    await newsroom.stop()
    newsroom.lose_answers()

    await newsroom.start()
    newsroom.say("market_in", "after")

    await newsroom.arrives("market_out", "look", "", "", "after")
    assert len(out.messages) == 4


async def test_pictures_are_copied_by_reference_and_never_loaded(newsroom: Newsroom) -> None:
    await newsroom.start()
    async with press(newsroom) as client:
        chat = newsroom.chats["market_in"].peer_id
        await client.send_file(chat, named(png(5)), caption="dot")
        await client.send_file(chat, b"data", caption="report", force_document=True)
    uploads = newsroom.telegram.stats.calls["upload.saveFilePart"]

    await newsroom.arrives("market_out", "dot", "report")

    sent, copied = newsroom.chats["market_in"].messages, newsroom.chats["market_out"].messages
    assert [m.media.photo.id for m in sent[:1]] == [m.media.photo.id for m in copied[:1]]
    assert [m.media.document.id for m in sent[1:]] == [m.media.document.id for m in copied[1:]]
    assert newsroom.telegram.stats.calls["upload.saveFilePart"] == uploads
    assert newsroom.telegram.stats.calls["upload.getFile"] == 0


async def test_a_stale_file_reference_is_read_anew_once(newsroom: Newsroom) -> None:
    await newsroom.start()
    async with press(newsroom) as client:
        newsroom.telegram.faults.add(
            Fault(
                method="messages.sendMedia",
                account=newsroom.account(BOB),
                times=1,
                action=RpcError("FILE_REFERENCE_EXPIRED"),
            )
        )
        await client.send_file(newsroom.chats["market_in"].peer_id, png(5), caption="dot")

        await newsroom.arrives("market_out", "dot")

    assert newsroom.telegram.stats.errors["FILE_REFERENCE_EXPIRED"] == 1


async def test_a_file_reference_that_stays_stale_costs_one_more_try_and_the_message(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    async with press(newsroom) as client:
        newsroom.telegram.faults.add(
            Fault(
                method="messages.sendMedia",
                account=newsroom.account(BOB),
                times=6,
                action=RpcError("FILE_REFERENCE_EXPIRED"),
            )
        )
        await client.send_file(newsroom.chats["market_in"].peer_id, png(5), caption="dot")
    newsroom.say("market_in", "after")

    await newsroom.hears(DeadLettered, pair=2)

    await newsroom.arrives("market_out", "after")
    assert newsroom.telegram.stats.errors["FILE_REFERENCE_EXPIRED"] == 2


async def test_bold_and_links_keep_their_places(newsroom: Newsroom) -> None:
    await newsroom.start()
    bold = types.MessageEntityBold(3, 4)
    newsroom.telegram.post(newsroom.chats["market_in"], "😀 news", entities=[bold])

    await newsroom.arrives("market_out", "😀 news")

    (copied,) = newsroom.chats["market_out"].messages
    assert copied.entities == [bold]


async def test_an_edit_at_the_source_changes_the_copy(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one", "two")
    await newsroom.arrives("market_out", "one", "two")
    first = newsroom.chats["market_in"].messages[0]

    newsroom.chats["market_in"].edit_message(first, "one, corrected")
    await newsroom.hears(CopyChanged, gone=False)

    assert newsroom.texts("market_out") == ["one, corrected", "two"]


async def test_a_message_edited_before_it_was_sent_is_sent_as_it_is_now(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.sendMessage", times=1, action=FloodWait(1)))
    newsroom.say("market_in", "one", "two")
    await newsroom.hears(FloodBegan)
    while (await newsroom.pairs())[2].waiting < 2:
        await asyncio.sleep(LOOK_EVERY)
    second = newsroom.chats["market_in"].messages[1]

    newsroom.chats["market_in"].edit_message(second, "two, corrected")

    await newsroom.arrives("market_out", "one", "two, corrected")
    assert newsroom.telegram.stats.calls["messages.editMessage"] == 0


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_what_is_deleted_while_a_flood_lasts_is_never_sent(
    newsroom: Newsroom, source: str, target: str
) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.*", times=1, action=FloodWait(1)))
    newsroom.say(source, "one", "two", "three")
    await newsroom.hears(FloodBegan)
    pair = 1 if source == "news_in" else 2
    while (await newsroom.pairs())[pair].waiting < 3:
        await asyncio.sleep(LOOK_EVERY)

    newsroom.chats[source].delete_messages([newsroom.chats[source].messages[1]])

    await newsroom.arrives(target, "one", "three")
    assert newsroom.telegram.stats.calls["channels.deleteMessages"] == 0


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_what_is_deleted_at_the_source_goes_at_the_target(
    newsroom: Newsroom, source: str, target: str
) -> None:
    await newsroom.start()
    newsroom.say(source, "one", "two", "three")
    await newsroom.arrives(target, "one", "two", "three")
    chat = newsroom.chats[source]

    chat.delete_messages(chat.messages[:2])
    await newsroom.hears(CopyChanged, gone=True, source_id=2)

    assert newsroom.texts(target) == ["three"]


@pytest.mark.parametrize("gap", ["restart", "cut line"])
async def test_edits_and_deletions_that_were_missed_are_made_up_for(
    newsroom: Newsroom, gap: str
) -> None:
    await newsroom.start()
    newsroom.say("market_in", *(f"market {n}" for n in range(5)))
    await newsroom.arrives("market_out", *(f"market {n}" for n in range(5)))
    chat = newsroom.chats["market_in"]
    messages = chat.messages
    since = newsroom.mark()
    if gap == "restart":
        await newsroom.stop()
    else:
        newsroom.telegram.cut(newsroom.account(BOB))

    chat.edit_message(messages[1], "corrected")
    chat.delete_messages([messages[3]])
    chat.record.feed.forget()
    if gap == "restart":
        await newsroom.start()
    else:
        await newsroom.hears(SessionRecovered, since=since, session="bob")

    await newsroom.hears(CopyChanged, since=since, gone=True)
    await newsroom.hears(CopyChanged, since=since, gone=False)
    assert newsroom.texts("market_out") == ["market 0", "corrected", "market 2", "market 4"]


async def test_old_edits_and_deletions_that_nobody_tells_are_made_up_for(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    said = [f"market {number}" for number in range(230)]
    newsroom.say("market_in", *said)
    await newsroom.arrives("market_out", *said)
    source = newsroom.chats["market_in"]
    first, second, *_ = source.messages

    await newsroom.stop()
    source.edit_message(first, "market 0, edited")
    source.delete_messages([second])
    source.forget_updates()  # the difference is too long: Telegram tells none of it
    await newsroom.start()
    right = ["market 0, edited", *said[2:]]
    await newsroom.until(lambda: newsroom.texts("market_out") == right)
    newsroom.telegram.cut(newsroom.account(BOB))
    source.edit_message(source.messages[0], "market 0, edited again")
    source.forget_updates()
    newsroom.say("market_in", "more")

    right = ["market 0, edited again", *said[2:], "more"]
    await newsroom.until(lambda: newsroom.texts("market_out") == right)


async def test_a_look_at_what_was_sent_ends_somewhere(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.actors.forwarding.pair.comparison.LOOK_BACK", 200)
    monkeypatch.setattr("telewarden.actors.forwarding.reconcile.LOOK_EVERY", 0.01)
    await newsroom.start()
    said = [f"market {number}" for number in range(330)]
    newsroom.say("market_in", *said)
    await newsroom.arrives("market_out", *said)
    await newsroom.stop()
    source = newsroom.chats["market_in"]
    source.edit_message(source.messages[5], "too old")
    source.edit_message(source.messages[140], "young enough")
    source.forget_updates()

    asked = newsroom.telegram.stats.calls["channels.getMessages"]
    await newsroom.start()
    await newsroom.until(lambda: "young enough" in newsroom.texts("market_out"))
    newsroom.say("news_in", "news")
    await newsroom.arrives("news_out", "news")

    assert "too old" not in newsroom.texts("market_out")
    # Two pages; the newest once more where the gap is heard of after they were begun.
    assert newsroom.telegram.stats.calls["channels.getMessages"] - asked in {2, 3}


async def test_a_copy_whose_answer_was_lost_is_found_and_follows_edits(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "same", "same")
    await newsroom.arrives("market_out", "same", "same")
    await newsroom.stop()
    newsroom.lose_answers("source_id = 2", version="null")
    await newsroom.start()
    newsroom.say("market_in", "after")
    await newsroom.arrives("market_out", "same", "same", "after")
    chat = newsroom.chats["market_in"]

    chat.edit_message(chat.messages[1], "the second one")
    await newsroom.hears(CopyChanged, source_id=2)

    assert newsroom.texts("market_out") == ["same", "the second one", "after"]


@pytest.mark.parametrize(
    ("source", "target", "pair"), [("news_in", "news_out", 1), ("market_in", "market_out", 2)]
)
async def test_a_copy_whose_answer_was_lost_goes_with_its_source(
    newsroom: Newsroom, source: str, target: str, pair: int
) -> None:
    await newsroom.start()
    newsroom.say(source, "one", "two", "three")
    await newsroom.arrives(target, "one", "two", "three")
    await newsroom.stop()
    newsroom.lose_answers(f"source_id > 1 and pair_id = {pair}")
    chat = newsroom.chats[source]
    chat.delete_messages([chat.messages[1]])

    await newsroom.start()
    newsroom.say(source, "after")

    await newsroom.until(lambda: newsroom.texts(target) == ["one", "three", "after"])
    assert (await newsroom.pairs())[pair].dead == 0


@pytest.mark.parametrize(
    ("source", "target", "method"),
    [
        ("news_in", "news_out", "messages.forwardMessages"),
        ("market_in", "market_out", "messages.sendMessage"),
    ],
)
async def test_a_copy_goes_whose_source_went_while_its_answer_was_lost(
    newsroom: Newsroom, source: str, target: str, method: str
) -> None:
    await newsroom.start()
    lost = Fault(method=method, times=1, action=CutConnection(executed=True))
    newsroom.telegram.faults.add(lost)
    since = newsroom.mark()
    newsroom.say(source, "one")
    await newsroom.arrives(target, "one")

    chat = newsroom.chats[source]
    chat.delete_messages([chat.messages[0]])
    await newsroom.hears(SessionRecovered, since=since)
    newsroom.say(source, "two")

    await newsroom.until(lambda: newsroom.texts(target) == ["two"])


async def test_a_copy_whose_answer_was_lost_is_edited_as_its_source_was_meanwhile(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one", "two", "three")
    await newsroom.arrives("market_out", "one", "two", "three")
    await newsroom.stop()
    newsroom.lose_answers("source_id > 1 and pair_id = 2")
    chat = newsroom.chats["market_in"]
    chat.edit_message(chat.messages[1], "two, edited")

    await newsroom.start()
    newsroom.say("market_in", "after")

    told = ["one", "two, edited", "three", "after"]
    await newsroom.until(lambda: newsroom.texts("market_out") == told)
    assert [one for one in newsroom.heard if isinstance(one, ChildFailed)] == []


@pytest.mark.parametrize("gone", [False, True])
async def test_a_copy_follows_its_source_that_was_edited_while_its_answer_was_lost(
    newsroom: Newsroom,
    gone: bool,  # by now
) -> None:
    await newsroom.start()
    lost = Fault(method="messages.sendMessage", times=1, action=CutConnection(executed=True))
    newsroom.telegram.faults.add(lost)
    away = newsroom.telegram.faults.add(Fault(method="connect", action=Refuse()))
    since = newsroom.mark()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")

    chat = newsroom.chats["market_in"]
    chat.edit_message(chat.messages[0], "one, edited")
    if gone:
        chat.delete_messages([chat.messages[0]])
    newsroom.telegram.faults.remove(away)  # the session has missed all of it until now
    await newsroom.hears(SessionRecovered, since=since)
    newsroom.say("market_in", "two")

    told = ["two"] if gone else ["one, edited", "two"]
    await newsroom.until(lambda: newsroom.texts("market_out") == told)


async def test_an_answer_becomes_an_answer_to_the_copy(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "question", "aside")
    await newsroom.arrives("market_out", "question", "aside")
    await newsroom.stop()
    await newsroom.start()
    question = newsroom.chats["market_in"].messages[0]

    newsroom.telegram.post(newsroom.chats["market_in"], "answer", reply_to=question)
    await newsroom.arrives("market_out", "question", "aside", "answer")

    copied = newsroom.chats["market_out"].messages
    assert copied[2].reply_to is copied[0]


async def test_an_answer_to_what_is_gone_is_sent_plain(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("market_in", "question")
    await newsroom.arrives("market_out", "question")
    out = newsroom.chats["market_out"]
    out.delete_messages(out.messages)
    question = newsroom.chats["market_in"].messages[0]

    newsroom.telegram.post(newsroom.chats["market_in"], "answer", reply_to=question)

    await newsroom.arrives("market_out", "answer")


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_what_a_chat_says_of_itself_is_passed_over(
    newsroom: Newsroom, source: str, target: str
) -> None:
    warden = await newsroom.start()
    chat = newsroom.chats[source]
    async with press(newsroom) as client:
        newsroom.say(source, "heard")
        await client(functions.channels.EditTitleRequest(chat.peer_id, "Another"))
        newsroom.say(source, "heard too")
        await newsroom.arrives(target, "heard", "heard too")
        await warden.stop()
        await client(functions.channels.EditTitleRequest(chat.peer_id, "And another"))
        newsroom.say(source, "read later")
    await newsroom.start()

    await newsroom.arrives(target, "heard", "heard too", "read later")
    assert sum(1 for message in chat.messages if message.action is not None) == 2


async def test_topics_of_a_forum_go_where_they_are_told_to(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    alice, author = newsroom.account(ALICE), newsroom.account(PRESS)
    forum = newsroom.telegram.add_channel(
        "Forum", owner=author, members=[alice], forum=True, username="forum_in"
    )
    out = newsroom.telegram.add_channel("Out", owner=alice, forum=True, username="forum_out")
    for chat in (forum, out):  # message 1, which no topic can be
        newsroom.telegram.post(chat, "")
    sport, other = forum.open_topic("Sport"), forum.open_topic("Other")
    sport_out, rest = out.open_topic("Sport"), out.open_topic("Rest")
    tables["pairs"] = [
        {
            "id": 1,
            "session": "alice",
            "source": "@forum_in",
            "target": "@forum_out",
            "mode": "copy",
            "topic": rest.id,
            "topics": {str(sport.id): sport_out.id},
        }
    ]
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.telegram.post(forum, "goal", topic_id=sport.id)
    newsroom.telegram.post(forum, "chat", topic_id=other.id)

    def placed() -> list[tuple[str, int | None]]:
        return [(m.text, m.topic_id) for m in out.messages if m.text]

    await newsroom.until(lambda: len(placed()) == 2)
    assert placed() == [("goal", sport_out.id), ("chat", rest.id)]


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_protected_content_is_refused_with_the_reason(
    newsroom: Newsroom, source: str, target: str
) -> None:
    await newsroom.start()
    newsroom.chats[source].set_noforwards(True)

    newsroom.say(source, "secret")
    paused = await newsroom.hears(PairPaused)

    assert "protect" in paused.reason.lower()
    assert newsroom.texts(target) == []


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_a_message_that_its_author_protects_holds_up_no_other(
    newsroom: Newsroom, source: str, target: str
) -> None:
    await newsroom.start()

    newsroom.say(source, "one")
    newsroom.telegram.post(newsroom.chats[source], "secret", noforwards=True)
    newsroom.say(source, "two")

    await newsroom.arrives(target, "one", "two")
    dead = await newsroom.hears(DeadLettered)
    assert "protects" in dead.reason


async def test_what_was_said_while_a_chat_was_protected_goes_when_it_is_not_any_more(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"recheck_initial": 0.01, "recheck_max": 0.05, "groups_every": 0.05}
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.chats["market_in"].set_noforwards(True)
    newsroom.say("market_in", "one", "two")
    await newsroom.hears(PairPaused)

    newsroom.chats["market_in"].set_noforwards(False)

    await newsroom.arrives("market_out", "one", "two")


async def test_one_bad_message_in_a_batch_does_not_hold_up_the_others(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(
            method="messages.forwardMessages",
            account=newsroom.account(ALICE),
            times=1,
            action=FloodWait(1),
        )
    )
    newsroom.say("news_in", "first")
    await newsroom.hears(FloodBegan)
    newsroom.say("news_in", *(f"news {n}" for n in range(5)))
    while (await newsroom.pairs())[1].waiting < 6:
        await asyncio.sleep(LOOK_EVERY)
    chat = newsroom.chats["news_in"]
    gone = chat.messages[3]
    chat.record.by_id.pop(gone.id)

    await newsroom.arrives("news_out", "first", "news 0", "news 1", "news 3", "news 4")
    dead = await newsroom.hears(DeadLettered)
    assert dead.source_id == gone.id

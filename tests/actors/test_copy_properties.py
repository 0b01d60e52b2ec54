"""A copy is shown and told as its source is, arrives where it belongs, whole, or not at all."""

from __future__ import annotations

import io
from typing import Any

import pytest
from telethon import TelegramClient, types
from telethon.sessions import StringSession

from telewarden.loopback import ChatHandle, Fault, RpcError
from telewarden.telegram import CopyChanged, DeadLettered, Forwarded, PairPaused

from .conftest import ALICE, BOB, PRESS, Newsroom
from .test_content import press

pytestmark = [pytest.mark.actors, pytest.mark.session]


async def photo(newsroom: Newsroom, name: str = "a.jpg") -> Any:
    """A photo that the press has loaded up, in a chat that no pair of bob's reads."""
    session = StringSession(newsroom.telegram.mint(newsroom.account(PRESS)))
    client: Any = TelegramClient(session, 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    await client.get_dialogs()
    file = io.BytesIO(b"\xff\xd8\xff\xe0 " + name.encode())
    file.name = name
    await client.send_file(newsroom.chats["news_in"].peer_id, file)
    await client.disconnect()
    return newsroom.chats["news_in"].messages[-1].media.photo


async def copied(newsroom: Newsroom, text: str, **fields: Any) -> Any:
    """Post something in the source and wait for what it becomes in the target."""
    out = newsroom.chats["market_out"]
    before = len(out.messages)
    newsroom.telegram.post(newsroom.chats["market_in"], text, **fields)
    await newsroom.until(lambda: len(out.messages) > before)
    return out.messages[-1]


def ruled(newsroom: Newsroom, tables: dict[str, Any], **fields: Any) -> None:
    tables["pairs"][1] |= fields
    newsroom.reconfigure(tables)


async def test_a_caption_above_its_picture_and_a_hidden_one_stay_so(newsroom: Newsroom) -> None:
    await newsroom.start()
    hidden = types.MessageMediaPhoto(photo=await photo(newsroom), spoiler=True)

    copy = await copied(newsroom, "above", media=hidden, invert_media=True)

    assert (copy.text, copy.invert_media, copy.media.spoiler) == ("above", True, True)


async def test_a_video_keeps_its_cover_and_where_it_begins(newsroom: Newsroom) -> None:
    await newsroom.start()
    cover = await photo(newsroom)
    async with press(newsroom) as client:
        sent = await client.send_file(newsroom.chats["news_in"].peer_id, io.BytesIO(b"a video"))
    video = types.MessageMediaDocument(
        document=sent.media.document, video=True, video_cover=cover, video_timestamp=7
    )

    copy = await copied(newsroom, "from the seventh second", media=video)

    assert (copy.media.document.id, copy.media.video_timestamp) == (video.document.id, 7)
    assert copy.media.video_cover.id == cover.id


async def test_an_effect_goes_from_person_to_person_and_into_no_channel(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    alice, bob, author = (newsroom.account(phone) for phone in (ALICE, BOB, PRESS))
    newsroom.telegram.post(bob, "hello", author=alice)
    newsroom.telegram.post(bob, "hello", author=author)
    tables["pairs"] += [
        {"id": 3, "session": "bob", "source": author.id, "target": alice.id, "mode": "copy"},
        {"id": 4, "session": "bob", "source": author.id, "target": "@market_out", "mode": "copy"},
    ]
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.telegram.post(bob, "with confetti", author=author, further={"effect": 7})
    told = [await newsroom.hears(Forwarded, pair=pair) for pair in (3, 4)]

    private = alice.box[max(alice.box)]
    (public,) = newsroom.chats["market_out"].messages
    assert [one.pair for one in told] == [3, 4]
    assert (private.text, private.further.get("effect")) == ("with confetti", 7)
    assert (public.text, public.further.get("effect")) == ("with confetti", None)


async def test_an_edit_moves_the_caption_as_its_author_moved_it(newsroom: Newsroom) -> None:
    await newsroom.start()
    medium = types.MessageMediaPhoto(photo=await photo(newsroom))
    copy = await copied(newsroom, "below", media=medium)
    source = newsroom.chats["market_in"].messages[-1]

    source.invert_media = True
    newsroom.chats["market_in"].edit_message(source, "above")
    await newsroom.hears(CopyChanged)

    assert (copy.text, copy.invert_media) == ("above", True)


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_what_was_posted_without_a_sound_arrives_without_one(
    newsroom: Newsroom, source: str, target: str, silent: bool
) -> None:
    await newsroom.start()

    newsroom.telegram.post(newsroom.chats[source], "night", silent=silent)
    newsroom.telegram.post(newsroom.chats[source], "day", silent=not silent)

    await newsroom.arrives(target, "night", "day")
    assert [one.silent for one in newsroom.chats[target].messages] == [silent, not silent]


@pytest.mark.parametrize("mode", ["copy", "forward"])
async def test_silent_and_loud_messages_that_are_sent_together_stay_what_they_are(
    newsroom: Newsroom, tables: dict[str, Any], mode: str
) -> None:
    ruled(newsroom, tables, mode=mode)
    await newsroom.start()
    await newsroom.stop()
    silences = [True, True, False, True, False, False]
    for number, silent in enumerate(silences):
        newsroom.telegram.post(newsroom.chats["market_in"], str(number), silent=silent)

    await newsroom.start()

    await newsroom.arrives("market_out", *map(str, range(6)))
    assert [one.silent for one in newsroom.chats["market_out"].messages] == silences


async def test_a_preview_that_its_author_chose_is_shown_so(newsroom: Newsroom) -> None:
    await newsroom.start()
    page = types.WebPage(id=1, url="https://b.example/", display_url="b.example", hash=0)
    chosen = types.MessageMediaWebPage(page, force_small_media=True, manual=True)
    text = "https://a.example/ " + "x" * 2000  # a text, and not a caption

    copy = await copied(newsroom, text, media=chosen, invert_media=True)

    assert copy.media.webpage.url == "https://b.example/"
    assert (copy.media.force_small_media, copy.invert_media) == (True, True)
    assert copy.text == text


async def test_an_answer_quotes_what_its_source_quotes(newsroom: Newsroom) -> None:
    await newsroom.start()
    first = newsroom.chats["market_in"]
    answered = await copied(newsroom, "gold rises, silver falls")
    quote = types.InputReplyToMessage(0, quote_text="silver falls", quote_offset=12)

    copy = await copied(newsroom, "why?", reply_to=first.messages[-1], quote=quote)

    assert copy.reply_to is answered
    assert (copy.quote.quote_text, copy.quote.quote_offset) == ("silver falls", 12)


async def test_a_quote_is_of_the_words_that_stand_in_the_copy(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, replace=[{"find": "EUR", "with": "euro"}], header="News")
    await newsroom.start()
    answered = await copied(newsroom, "it costs 5 EUR today")
    quote = types.InputReplyToMessage(0, quote_text="5 EUR", quote_offset=9)
    first = newsroom.chats["market_in"].messages[-1]

    copy = await copied(newsroom, "too much", reply_to=first, quote=quote)

    assert copy.reply_to is answered
    assert copy.quote.quote_text == "5 euro"


async def test_an_answer_whose_quote_is_gone_still_answers(newsroom: Newsroom) -> None:
    await newsroom.start()
    answered = await copied(newsroom, "gold rises")
    first = newsroom.chats["market_in"].messages[-1]
    quote = types.InputReplyToMessage(0, quote_text="silver falls")

    copy = await copied(newsroom, "why?", reply_to=first, quote=quote)

    assert copy.reply_to is answered
    assert copy.quote is None


async def test_an_answer_to_a_message_of_another_chat_answers_nothing(newsroom: Newsroom) -> None:
    await newsroom.start()
    await copied(newsroom, "number one here")
    elsewhere = types.MessageReplyHeader(
        reply_to_msg_id=1, reply_to_peer_id=types.PeerChannel(newsroom.chats["news_in"].id)
    )

    copy = await copied(newsroom, "to number one there", further={"reply_to": elsewhere})

    assert copy.reply_to is None


async def test_somebody_who_is_mentioned_by_name_can_be_opened_in_the_copy(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    author = newsroom.account(PRESS)
    known = types.MessageEntityMentionName(0, 5, author.id)
    stranger = types.MessageEntityMentionName(6, 8, 424242)

    copy = await copied(newsroom, "Press stranger", author=author, entities=[known, stranger])

    assert [bytes(one) for one in copy.entities] == [bytes(known)]


async def test_words_in_a_poll_are_replaced_like_others(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    ruled(newsroom, tables, replace=[{"find": "EUR", "with": "euro"}], footer="via us")
    await newsroom.start()
    options = [types.PollAnswer(types.TextWithEntities(one, []), one.encode()) for one in "ab"]
    options[0].text.text = "5 EUR"
    poll = types.Poll(1, types.TextWithEntities("How many EUR?", []), options, 0)

    copy = await copied(newsroom, "", media=types.MessageMediaPoll(poll, types.PollResults()))

    assert copy.media.poll.question.text == "How many euro?"
    assert [one.text.text for one in copy.media.poll.answers] == ["5 euro", "b"]
    assert copy.text == ""


UNSENDABLE: dict[str, tuple[Any, str]] = {
    "a medium that is of a later layer": (types.MessageMediaUnsupported(), "not all that it holds"),
    "a medium that is sold": (types.MessageMediaPaidMedia(5, []), "it is paid media"),
    "a story": (types.MessageMediaStory(types.PeerUser(1), 1), "it is a story"),
}


@pytest.mark.parametrize(("medium", "why"), UNSENDABLE.values(), ids=UNSENDABLE)
async def test_of_what_cannot_be_sent_whole_not_even_the_text_is_sent(
    newsroom: Newsroom, medium: Any, why: str
) -> None:
    await newsroom.start()

    newsroom.telegram.post(newsroom.chats["market_in"], "half", media=medium)
    newsroom.say("market_in", "after")

    letter = await newsroom.hears(DeadLettered, pair=2, source_id=1)
    await newsroom.arrives("market_out", "after")
    assert why in letter.reason


async def test_a_picture_that_is_to_be_seen_once_is_not_kept(newsroom: Newsroom) -> None:
    await newsroom.start()
    once = types.MessageMediaPhoto(photo=await photo(newsroom), ttl_seconds=10)

    newsroom.telegram.post(newsroom.chats["market_in"], "look", media=once)

    letter = await newsroom.hears(DeadLettered, pair=2)
    assert "it is to be seen once only" in letter.reason
    assert newsroom.texts("market_out") == []


def forum(newsroom: Newsroom) -> ChatHandle:
    """A forum of the press's in which bob is, with a topic."""
    chat = newsroom.telegram.add_channel(
        "Forum",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(BOB)],
        megagroup=True,
        forum=True,
        username="forum_out",
    )
    newsroom.telegram.post(chat, "welcome")  # 1 is "General", which no topic is
    chat.open_topic("News")
    return chat


@pytest.mark.parametrize("mode", ["copy", "forward"])
@pytest.mark.parametrize("error", ["TOPIC_DELETED", "TOPIC_CLOSED"])
async def test_what_belongs_into_a_topic_never_arrives_elsewhere(
    newsroom: Newsroom, tables: dict[str, Any], error: str, mode: str
) -> None:
    chat = forum(newsroom)
    topic = next(iter(chat.record.topics))
    before = len(chat.messages)
    ruled(newsroom, tables, target="@forum_out", topic=topic, mode=mode)
    await newsroom.start()
    method = "messages.sendMessage" if mode == "copy" else "messages.forwardMessages"
    newsroom.telegram.faults.add(Fault(method=method, times=1, action=RpcError(error)))

    newsroom.say("market_in", "news")

    paused = await newsroom.hears(PairPaused, pair=2)
    assert paused.reason.startswith(error)
    assert len(chat.messages) == before
    await newsroom.warden.pairs.resume(2)
    await newsroom.until(lambda: chat.texts[-1:] == ["news"])
    assert chat.messages[-1].topic_id == topic


async def test_an_album_of_which_an_item_is_refused_is_not_torn(newsroom: Newsroom) -> None:
    await newsroom.start()
    session = StringSession(newsroom.telegram.mint(newsroom.account(PRESS)))
    client: Any = TelegramClient(session, 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    await client.get_dialogs()
    newsroom.telegram.faults.add(
        Fault(
            method="messages.sendMultiMedia",
            account=newsroom.account(BOB),
            action=RpcError("MEDIA_INVALID"),
        )
    )
    files = [io.BytesIO(b"\xff\xd8\xff\xe0 %d" % number) for number in range(3)]
    for number, file in enumerate(files):
        file.name = f"{number}.jpg"

    await client.send_file(newsroom.chats["market_in"].peer_id, files, caption=["look", "", ""])
    await client.disconnect()

    for number in (1, 2, 3):
        await newsroom.hears(DeadLettered, pair=2, source_id=number)
    assert newsroom.chats["market_out"].messages == []

"""Content of the present layer: each kind has a name, is carried whole, or says why it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import types

from telewarden.actors.filters import of_kinds
from telewarden.loopback import Fault, RpcError
from telewarden.telegram import CopyChanged, DeadLettered
from telewarden.telegram.chats import _access_of

from .conftest import ALICE, BOB, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def words(text: str) -> Any:
    return types.TextWithEntities(text, [])


def checklist(*tasks: str) -> Any:
    items = [types.TodoItem(number, words(task)) for number, task in enumerate(tasks, start=1)]
    return types.TodoList(words("Shopping"), items, others_can_complete=True)


def paragraphs(count: int, word: str = "block") -> Any:
    blocks = [
        types.PageBlockParagraph(types.TextBold(types.TextPlain(f"{word} {number}")))
        for number in range(count)
    ]
    return types.RichMessage(blocks, [], [])


# By kind: what is posted, as arguments of the loopback's ``post``.
CONTENT: dict[str, dict[str, Any]] = {
    "todo": {
        "media": types.MessageMediaToDo(
            checklist("milk"), [types.TodoCompletion(1, types.PeerUser(1), NOW)]
        )
    },
    "paid": {
        "media": types.MessageMediaPaidMedia(5, [types.MessageExtendedMediaPreview(w=64, h=64)])
    },
    "story": {"media": types.MessageMediaStory(types.PeerUser(1), 7)},
    "giveaway": {"media": types.MessageMediaGiveaway([1], 10, NOW, months=3)},
    "invoice": {"media": types.MessageMediaInvoice("Tea", "Green", "EUR", 300, "start")},
    "game": {"media": types.MessageMediaGame(types.Game(1, 2, "chess", "Chess", "Play", None))},
    "video_stream": {"media": types.MessageMediaVideoStream(types.InputGroupCall(1, 2))},
    "gift": {"action": types.MessageActionGiftPremium("XTR", 100, 30, message=words("for you"))},
    "rich": {"further": {"rich_message": paragraphs(2)}},
    "monoforum": {"further": {"saved_peer_id": types.PeerUser(1)}},
}
CONTENT["game"]["media"].game.photo = types.PhotoEmpty(1)
UNIQUE = ("paid", "story", "giveaway", "invoice", "game", "video_stream", "gift")


def post(newsroom: Newsroom, chat: str, kind: str) -> Any:
    text = "" if kind in {"gift", "rich"} else f"a {kind}"
    return newsroom.telegram.post(newsroom.chats[chat], text, **CONTENT[kind])


@pytest.mark.parametrize("kind", CONTENT)
async def test_a_filter_tells_each_kind(
    newsroom: Newsroom, tables: dict[str, Any], kind: str
) -> None:
    forward, copy = tables["pairs"]
    forward["allow"] = {"kinds": ["text" if kind == "gift" else kind]}
    copy["deny"] = {"kinds": [kind]}
    newsroom.reconfigure(tables)
    await newsroom.start()

    for chat in ("news_in", "market_in"):
        post(newsroom, chat, kind)
        newsroom.telegram.post(newsroom.chats[chat], "after it")

    await newsroom.arrives("market_out", "after it")
    await newsroom.until(lambda: newsroom.texts("news_out") != [])
    assert len(newsroom.texts("news_out")) == 1
    assert ("after it" in newsroom.texts("news_out")) is (kind == "gift")
    assert dead(newsroom) == []


def dead(newsroom: Newsroom) -> list[Any]:
    return [one for one in newsroom.heard if isinstance(one, DeadLettered)]


@pytest.mark.parametrize("kind", UNIQUE)
async def test_what_cannot_be_copied_is_a_dead_letter_that_says_which_kind_and_why(
    newsroom: Newsroom, kind: str
) -> None:
    await newsroom.start()

    said = post(newsroom, "market_in", kind)
    newsroom.say("market_in", "after it")

    letter = await newsroom.hears(DeadLettered, pair=2)
    await newsroom.arrives("market_out", "after it")
    name = {"paid": "paid media", "video_stream": "a video stream"}.get(kind, f" {kind}, which")
    assert letter.source_id == said.id
    assert letter.reason.startswith("MESSAGE_NOT_COPYABLE: message")
    assert name in letter.reason


async def test_a_gift_is_not_forwarded_and_holds_nothing_up(newsroom: Newsroom) -> None:
    await newsroom.start()

    newsroom.say("news_in", "before it")
    post(newsroom, "news_in", "gift")
    newsroom.say("news_in", "after it")

    letter = await newsroom.hears(DeadLettered, pair=1)
    await newsroom.arrives("news_out", "before it", "after it")
    assert "it is a gift" in letter.reason


async def test_a_checklist_is_copied_and_followed(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"][1]["replace"] = [{"find": "milk", "with": "oat milk"}]
    newsroom.reconfigure(tables)
    newsroom.account(BOB).premium = True
    await newsroom.start()

    said = post(newsroom, "market_in", "todo")
    await newsroom.until(lambda: newsroom.chats["market_out"].messages != [])
    (copied,) = newsroom.chats["market_out"].messages
    first = bytes(copied.media)
    longer = types.MessageMediaToDo(checklist("milk", "bread"))
    newsroom.chats["market_in"].edit_message(said, said.text, media=longer)
    await newsroom.hears(CopyChanged, pair=2)

    assert first == bytes(types.MessageMediaToDo(checklist("oat milk")))
    assert bytes(copied.media) == bytes(types.MessageMediaToDo(checklist("oat milk", "bread")))


@pytest.mark.parametrize("gap", [False, True], ids=["live", "missed"])
async def test_a_rich_message_that_came_in_part_is_judged_and_copied_whole(
    newsroom: Newsroom, tables: dict[str, Any], gap: bool
) -> None:
    tables["pairs"][1]["deny"] = {"words": ["advert"]}
    tables["pairs"][1]["replace"] = [{"find": "block 29", "with": "the last one"}]
    newsroom.reconfigure(tables)
    newsroom.account(BOB).premium = True
    await newsroom.start()
    if gap:
        await newsroom.stop()

    unwanted = paragraphs(30)
    unwanted.blocks[-1] = types.PageBlockParagraph(types.TextPlain("an advert"))
    for rich in (paragraphs(30), unwanted):
        further = {"rich_message": rich}
        newsroom.telegram.post(newsroom.chats["market_in"], "", further=further)
    newsroom.say("market_in", "after them")
    if gap:
        await newsroom.start()

    await newsroom.arrives("market_out", "", "after them")
    rich = newsroom.chats["market_out"].messages[0].further["rich_message"]
    expected = paragraphs(30)
    expected.blocks[-1] = types.PageBlockParagraph(types.TextBold(types.TextPlain("the last one")))
    assert bytes(rich) == bytes(expected)
    assert newsroom.telegram.stats.calls["messages.getRichMessage"] >= 1
    assert dead(newsroom) == []


async def test_a_rich_message_is_edited_as_its_source_is(newsroom: Newsroom) -> None:
    newsroom.account(BOB).premium = True
    await newsroom.start()
    said = post(newsroom, "market_in", "rich")
    await newsroom.arrives("market_out", "")

    said.further["rich_message"] = paragraphs(30, "line")
    newsroom.chats["market_in"].edit_message(said, "")
    await newsroom.hears(CopyChanged, pair=2)

    (copied,) = newsroom.chats["market_out"].messages
    assert bytes(copied.further["rich_message"]) == bytes(paragraphs(30, "line"))


@pytest.mark.parametrize(("kind", "name"), [("todo", "a checklist"), ("rich", "a rich message")])
async def test_what_asks_for_premium_costs_itself_alone(
    newsroom: Newsroom, kind: str, name: str
) -> None:
    await newsroom.start()

    post(newsroom, "market_in", kind)
    newsroom.say("market_in", "after it")

    letter = await newsroom.hears(DeadLettered, pair=2)
    await newsroom.arrives("market_out", "after it")
    assert f"{name}, which only accounts with Premium may send" in letter.reason


async def test_a_rich_message_whose_rest_is_not_given_is_not_sent_in_part(
    newsroom: Newsroom,
) -> None:
    newsroom.account(BOB).premium = True
    refused = RpcError("MESSAGE_ID_INVALID")
    newsroom.telegram.faults.add(Fault(method="messages.getRichMessage", action=refused))
    await newsroom.start()

    further = {"rich_message": paragraphs(30)}
    newsroom.telegram.post(newsroom.chats["market_in"], "", further=further)
    newsroom.say("market_in", "after it")

    letter = await newsroom.hears(DeadLettered, pair=2)
    await newsroom.arrives("market_out", "after it")
    assert "whose rest Telegram does not give" in letter.reason


@pytest.mark.parametrize(("pair", "reader"), [(1, ALICE), (2, BOB)])
async def test_an_ephemeral_message_is_never_carried(
    newsroom: Newsroom, pair: int, reader: str
) -> None:
    await newsroom.start()
    source, target = [("news_in", "news_out"), ("market_in", "market_out")][pair - 1]

    press, account = newsroom.account(PRESS), newsroom.account(reader)
    assert newsroom.telegram.send_ephemeral(newsroom.chats[source], press, account, "psst") == 1
    newsroom.say(source, "after it")

    await newsroom.arrives(target, "after it")
    assert dead(newsroom) == []


async def test_a_channels_direct_messages_are_a_source_and_told_apart(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    press, bob = newsroom.account(PRESS), newsroom.account(BOB)
    direct = newsroom.telegram.add_channel("Direct", owner=press, members=[bob], monoforum=True)
    tables["pairs"][1] |= {"source": direct.peer_id, "allow": {"kinds": ["monoforum"]}}
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.telegram.post(direct, "to the channel")

    await newsroom.arrives("market_out", "to the channel")


@pytest.mark.parametrize(("monoforum", "may"), [(True, True), (False, False)])
def test_who_writes_into_direct_messages_is_no_member(monoforum: bool, may: bool) -> None:
    chat = types.Channel(1, "Direct", types.ChatPhotoEmpty(), NOW, left=True, megagroup=True)
    chat.monoforum, chat.default_banned_rights = monoforum, None

    assert _access_of(chat).write is may


@pytest.mark.parametrize("kind", ["ephemeral", "nothing"])
def test_a_filter_of_a_kind_that_never_comes_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"'{kind}'"):
        of_kinds(kind)

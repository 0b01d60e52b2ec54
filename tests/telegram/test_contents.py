"""What a message holds beside its text, found in whatever Telegram puts it into."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import types

from telewarden.telegram import Incoming, from_bytes, origin_of, to_bytes
from telewarden.telegram.incoming import incoming_of

pytestmark = pytest.mark.telegram

WHEN = datetime.fromtimestamp(0, tz=UTC)
PLACE = types.GeoPoint(1.0, 2.0, 3)


def words(text: str) -> Any:
    return types.TextWithEntities(text, [])


def incoming(homes: dict[int, Any] | None = None, **fields: Any) -> Incoming:
    message = types.Message(
        id=1, peer_id=types.PeerChannel(5), date=WHEN, message="the text", **fields
    )
    found = incoming_of(message, 7, homes)
    assert found is not None
    return found


def besides(homes: dict[int, Any] | None = None, **fields: Any) -> tuple[str, ...]:
    return incoming(homes, **fields).besides


def document(*attributes: Any) -> Any:
    held = types.Document(1, 2, b"ref", WHEN, "video/mp4", 3, 2, list(attributes))
    return {"media": types.MessageMediaDocument(document=held)}


def button(kind: Any) -> Any:
    row = types.KeyboardInlineButtonRow([types.KeyboardInlineButton("press", kind)])
    return {"reply_markup": types.ReplyInlineMarkup([row])}


POLL = types.Poll(
    1,
    words("Rain?"),
    [types.PollAnswer(words("yes"), b"0"), types.PollAnswer(words("no"), b"1")],
    0,
)
PAGE = types.WebPage(
    1, "https://a.example/b", "a.example", 0,
    type="article", site_name="A", title="Title", description="Words", author="Ann",
    cached_page=types.Page("https://a.example/b", [], [], []),
)  # fmt: skip

SEEN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an address behind words": (
        {"entities": [types.MessageEntityTextUrl(0, 3, "https://a.example/")]},
        ("https://a.example/",),
    ),
    "a mention by number": (
        {"entities": [types.MessageEntityMentionName(0, 3, 42)]},
        ("tg://user?id=42",),
    ),
    "bold alone": ({"entities": [types.MessageEntityBold(0, 3)]}, ()),
    "a button that opens an address": (
        button(types.InlineButtonTypeUrl("https://b.example/")),
        ("press", "https://b.example/"),
    ),
    "a button that opens somebody": (
        button(types.InlineButtonTypeUserProfile(42)),
        ("press", "tg://user?id=42"),
    ),
    "a button that copies": (button(types.InlineButtonTypeCopy("code")), ("press", "code")),
    "a poll": (
        {
            "media": types.MessageMediaPoll(
                POLL, types.PollResults(solution="because", solution_entities=[])
            )
        },
        ("Rain?", "yes", "no", "because"),
    ),
    "a contact": (
        {"media": types.MessageMediaContact("+43", "Ann", "Lee", "", 0)},
        ("+43", "Ann", "Lee"),
    ),
    "a place": (
        {"media": types.MessageMediaVenue(PLACE, "Café", "Street 1", "foursquare", "7", "food")},
        ("Café", "Street 1"),
    ),
    "a file": (document(types.DocumentAttributeFilename("plan.pdf")), ("plan.pdf",)),
    "a song": (
        document(types.DocumentAttributeAudio(3, title="Song", performer="Band")),
        ("Song", "Band"),
    ),
    "a preview": (
        {"media": types.MessageMediaWebPage(webpage=PAGE)},
        ("https://a.example/b", "a.example", "A", "Title", "Words", "Ann"),
    ),
    "a quote": (
        {"reply_to": types.MessageReplyHeader(quote=True, reply_to_msg_id=1, quote_text="said")},
        ("said",),
    ),
    "who signed it": ({"post_author": "Ann"}, ("Ann",)),
    "a hidden author forwarded": (
        {"fwd_from": types.MessageFwdHeader(date=WHEN, from_name="Hidden Ann")},
        ("Hidden Ann",),
    ),
    "a text alone": ({}, ()),
}


@pytest.mark.parametrize(("fields", "seen"), SEEN.values(), ids=SEEN)
def test_what_a_reader_sees_or_can_open_is_told(
    fields: dict[str, Any], seen: tuple[str, ...]
) -> None:
    assert sorted(besides(**fields)) == sorted(seen)


@pytest.mark.parametrize("fields", [one for one, _ in SEEN.values()], ids=SEEN)
def test_a_message_that_is_kept_as_bytes_comes_back_whole(fields: dict[str, Any]) -> None:
    message = incoming(edit_date=WHEN, **fields)

    kept = from_bytes(to_bytes(message))

    assert kept == message
    assert bytes(kept.raw) == bytes(message.raw)  # type: ignore[call-overload]


def test_a_post_and_its_forward_come_from_the_same_place() -> None:
    post = incoming(post=True)
    header = types.MessageFwdHeader(date=WHEN, from_id=types.PeerChannel(5), channel_post=1)

    assert origin_of(post) == origin_of(incoming(fwd_from=header)) < 0


def test_a_message_that_telethon_cannot_write_is_kept_without_its_object() -> None:
    message = replace(incoming(), raw=types.PollResults(solution="no entities beside it"))

    kept = from_bytes(to_bytes(message))

    assert (kept, kept.raw) == (message, None)


def test_whom_a_message_is_from_by_number_is_told_by_name() -> None:
    channel = types.Channel(9, "Casino", types.ChatPhotoEmpty(), WHEN, username="casino")
    bot = types.User(8, first_name="Casino bot", username="casino_bot")
    header = types.MessageFwdHeader(date=WHEN, from_id=types.PeerChannel(9), channel_post=1)

    seen = besides({-1000000000009: channel, 8: bot}, fwd_from=header, via_bot_id=8)

    assert seen == ("Casino", "@casino", "Casino bot", "@casino_bot")

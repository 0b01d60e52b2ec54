"""What people call a chat: each spelling is read into one; what is no chat's name is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.config import parse_pair
from telewarden.errors import ConfigError
from telewarden.telegram.addressing.names import numbers_meant, read_chat, same_chat, shown_chat

pytestmark = pytest.mark.telegram

HASH = "AbCdEf_hIj-12345"
INVITATION = f"https://t.me/+{HASH}"


@pytest.mark.parametrize(
    ("given_", "chat", "topic"),
    [
        ("@news_in", "@news_in", None),
        (" @news_in ", "@news_in", None),
        ("t.me/news_in", "@news_in", None),
        ("https://t.me/news_in", "@news_in", None),
        ("http://www.telegram.me/news_in/", "@news_in", None),
        ("https://telegram.dog/news_in", "@news_in", None),
        ("HTTPS://T.ME/News_in", "@News_in", None),
        ("https://t.me/@news_in", "@news_in", None),
        ("https://news_in.t.me", "@news_in", None),
        ("https://t.me/s/news_in", "@news_in", None),
        ("https://t.me/news_in/123", "@news_in", None),
        ("https://t.me/news_in/123?single", "@news_in", None),
        ("https://t.me/news_in/5/123", "@news_in", 5),
        ("https://t.me/news_in/123?thread=5", "@news_in", 5),
        ("tg://resolve?domain=news_in&post=123", "@news_in", None),
        ("tg:resolve?domain=news_in&post=123&thread=5", "@news_in", 5),
        ("https://t.me/c/1234567890/7", -1001234567890, None),
        ("https://t.me/c/1234567890/5/7", -1001234567890, 5),
        ("t.me/c/1234567890/7?thread=5", -1001234567890, 5),
        ("tg://privatepost?channel=1234567890&post=7", -1001234567890, None),
        ("https://web.telegram.org/a/#-1001234567890", -1001234567890, None),
        ("https://web.telegram.org/a/#-1001234567890_5", -1001234567890, None),
        ("https://web.telegram.org/k/#@news_in", "@news_in", None),
        ("-1001234567890", -1001234567890, None),
        ("-1234567890", -1234567890, None),
        ("1234567890", 1234567890, None),
        (-1001234567890, -1001234567890, None),
        ("tg://user?id=42", 42, None),
        (f"https://t.me/+{HASH}", INVITATION, None),
        (f"t.me/joinchat/{HASH}", INVITATION, None),
        (f"https://telegram.me/joinchat/{HASH}", INVITATION, None),
        (f"tg://join?invite={HASH}", INVITATION, None),
        ("me", "me", None),
        ("Me", "me", None),
    ],
)
def test_a_chats_names_are_read_into_one_spelling(
    given_: int | str, chat: int | str, topic: int | None
) -> None:
    name = read_chat(given_)

    assert (name.chat, name.topic) == (chat, topic)
    assert read_chat(name.chat).chat == chat


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("news_in", "give @news_in, if that is its name"),
        ("no name", "give a @username"),
        ("@abc", "give a @username"),
        ("", "give a @username"),
        ("http://[", "give a @username"),
        ("https://example.com/news_in", "give a @username"),
        ("https://t.me/", "give a @username"),
        ("https://t.me/c/news_in/5", "give a @username"),
        ("https://t.me/news_in/abc", "give a @username"),
        ("https://t.me/+4915112345678", "it links to a phone number"),
        ("tg://resolve?phone=4915112345678", "it links to a phone number"),
        ("https://t.me/+abc", "it is no whole invitation; copy the link again"),
        ("https://t.me/addstickers/Cats", "it links to something else than a chat"),
        ("https://t.me/addlist/AbCdEfGhIj", "it links to something else than a chat"),
        ("tg://settings", "it links to something else than a chat"),
    ],
)
def test_what_is_no_chats_name_is_refused_with_the_way_out(given_: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"give|copy") as refused:
        read_chat(given_)

    assert said in str(refused.value)


@given(st.text(max_size=60) | st.from_regex(r"(https://t\.me/|tg://)[ -~]{0,30}", fullmatch=True))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        name = read_chat(text)

        assert read_chat(name.chat).chat == name.chat


def test_spellings_of_one_number_are_one_chat() -> None:
    spellings = (-1001234567890, -1234567890, 1234567890, 1001234567890)

    assert len({same_chat(one) for one in spellings}) == 1
    assert all(-1001234567890 in numbers_meant(one) for one in spellings)


def test_an_invitation_is_shown_without_what_lets_one_in() -> None:
    assert shown_chat(INVITATION) == "https://t.me/+AbCd..."
    assert shown_chat("@news_in") == "@news_in"


# Pairs


def pair(**fields: Any) -> Any:
    return parse_pair({"id": 1, "session": "alice", "target": "@news_out", **fields})


def test_a_pair_says_the_one_spelling_whatever_it_was_given() -> None:
    read = pair(source="https://t.me/c/1234567890/77", target="t.me/news_out/5")

    assert (read.source, read.target) == (-1001234567890, "@news_out")


def test_a_link_to_a_topic_means_that_topic_alone() -> None:
    read = pair(source="https://t.me/c/1234567890/5/77", target="https://t.me/forum_out/9/12")

    assert read.allow.topics == (5,)
    assert read.topic == 9


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": "t.me/news_in/5/7", "allow": {"topics": [6]}}, "allow.topics names others"),
        ({"source": "@news_in", "target": "t.me/forum/5/7", "topic": 6}, "target links to topic 5"),
        ({"source": "t.me/news_out/3"}, "source and target are the same chat"),
        ({"source": -1001234567890, "target": "t.me/c/1234567890/4"}, "are the same chat"),
        ({"source": 1234567890, "target": "-1001234567890"}, "are the same chat"),
        ({"source": INVITATION, "target": f"tg://join?invite={HASH}"}, "are the same chat"),
        ({"source": "me", "target": "Me"}, "are the same chat"),
        ({"source": "@news_in", "send_as": "me"}, "leave it out to send as the account"),
        ({"source": "https://t.me/addlist/AbCdEfGh"}, "source is 'https://t.me/addlist/AbCdEfGh'"),
    ],
)
def test_what_a_pair_cannot_mean_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        pair(**fields)

    assert said in str(refused.value)

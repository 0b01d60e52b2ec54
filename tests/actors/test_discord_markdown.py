"""Telegram's entities as Discord's Markdown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from telewarden.bridges.discord.markdown import markdown
from telewarden.telegram import RichText

pytestmark = pytest.mark.actors


def written(text: str, *marks: Any) -> str:
    return markdown(RichText(text, marks))


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        ("a bold word", [types.MessageEntityBold(2, 4)], "a **bold** word"),
        ("😀 bold", [types.MessageEntityBold(3, 4)], "😀 **bold**"),
        ("a bold word", [types.MessageEntityBold(1, 6)], "a **bold** word"),
        ("hidden", [types.MessageEntitySpoiler(0, 6)], "||hidden||"),
        (
            "both over lap",
            [types.MessageEntityBold(0, 9), types.MessageEntityItalic(5, 8)],
            "**both** ***over*** *lap*",
        ),
        (
            "press me",
            [types.MessageEntityTextUrl(0, 8, "https://a.b/c_(d)")],
            "[press me](https://a.b/c_(d%29)",
        ),
        ("press me", [types.MessageEntityTextUrl(0, 8, "tg://resolve?domain=a")], "press me"),
        ("x*y", [types.MessageEntityCode(0, 3), types.MessageEntityBold(0, 3)], "`x*y`"),
        ("x = 1", [types.MessageEntityPre(0, 5, "python")], "```python\nx = 1\n```"),
        ("a\nq\nr\nb", [types.MessageEntityBlockquote(2, 3)], "a\n> q\n> r\nb"),
        ("😀", [types.MessageEntityCustomEmoji(0, 2, 7)], "😀"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_marks_become_signs(text: str, marks: list[Any], expected: str) -> None:
    assert written(text, *marks) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2*3*4 and a_b_c", r"2\*3\*4 and a\_b\_c"),
        ("# no head", r"\# no head"),
        ("- no list\n1. neither", "\\- no list\n1\\. neither"),
        ("> no quote, no <@1> call", r"\> no quote, no \<@1\> call"),
        ("see https://a.b/c_d_e now_then", r"see https://a.b/c_d_e now\_then"),
    ],
)
def test_what_looks_like_a_sign_is_none(text: str, expected: str) -> None:
    assert written(text) == expected


MARKS = st.sampled_from(
    [
        types.MessageEntityBold,
        types.MessageEntityItalic,
        types.MessageEntityUnderline,
        types.MessageEntityStrike,
        types.MessageEntitySpoiler,
    ]
)


@given(
    text=st.text("abc 😀\n", max_size=12),
    marks=st.lists(st.tuples(MARKS, st.integers(0, 14), st.integers(1, 14)), max_size=4),
)
def test_signs_take_nothing_away_and_stand_in_pairs(
    text: str, marks: list[tuple[Any, int, int]]
) -> None:
    found = written(text, *(kind(offset, length) for kind, offset, length in marks))

    for sign in ("**", "__", "~~", "||"):
        assert found.count(sign) % 2 == 0
    assert found.translate(dict.fromkeys(map(ord, "*_~|"))) == text

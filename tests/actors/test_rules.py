"""Filters and transforms: each with an example, put together, and marks that keep their places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.actors.filters import (
    Filter,
    all_of,
    any_of,
    from_senders,
    in_topics,
    matching,
    none_of,
    of_kinds,
    words,
)
from telewarden.actors.rules import CAPTION_LIMIT, TEXT_LIMIT, Rules
from telewarden.actors.transforms import (
    Transform,
    chain,
    replacing,
    replacing_pattern,
    with_footer,
    with_header,
)
from telewarden.telegram import Incoming, RichText

pytestmark = pytest.mark.actors

CHANNEL = -1001


@dataclass
class Mark:
    offset: int
    length: int


def said(text: str, **fields: Any) -> Incoming:
    return Incoming(chat=CHANNEL, id=1, date=datetime.fromtimestamp(0, tz=UTC), text=text, **fields)


YES_AND_NO: list[tuple[Filter, Incoming, Incoming]] = [
    (words("art"), said("Modern ART!"), said("a party")),
    (words("new york"), said("In New York now"), said("new in york")),
    (matching(r"\$[A-Z]{3,5}\b"), said("buy $ACME"), said("buy acme")),
    (from_senders(7, CHANNEL), said("x", sender=7), said("x", sender=8)),
    (from_senders(7, CHANNEL), said("x"), replace(said("x"), chat=-1002)),
    (of_kinds("photo", "text"), said("x", kind="photo"), said("x", kind="sticker")),
    (in_topics([1]), said("x"), said("x", topic=5)),
    (all_of(words("a"), words("b")), said("a b"), said("a")),
    (any_of(words("a"), words("b")), said("b"), said("c")),
    (none_of(words("advert")), said("news"), said("an advert")),
]


@pytest.mark.parametrize(("wanted", "yes", "no"), YES_AND_NO)
def test_a_filter_lets_one_through_and_keeps_the_other_out(
    wanted: Filter, yes: Incoming, no: Incoming
) -> None:
    assert wanted(yes)
    assert not wanted(no)


CHANGES: list[tuple[Transform, str, str]] = [
    (replacing("EUR", "euro"), "5 EUR, 6 EUR", "5 euro, 6 euro"),
    (replacing("a", "aa"), "aba", "aabaa"),
    (replacing_pattern(r"@(\w+)", r"(\1)"), "by @ann and @bob", "by (ann) and (bob)"),
    (replacing_pattern(r"x*", "-"), "ab", "-a-b-"),
    (with_header("News"), "text", "News\n\ntext"),
    (with_footer("via us"), "text", "text\n\nvia us"),
    (with_footer("via us"), "", "via us"),
    (chain(replacing("a", "b"), with_header("H")), "a", "H\n\nb"),
]


@pytest.mark.parametrize(("change", "before", "after"), CHANGES)
def test_a_transform_changes_the_text(change: Transform, before: str, after: str) -> None:
    assert change(RichText(before)).text == after


def test_bold_moves_with_its_words_and_grows_with_them() -> None:
    text = RichText("😀 buy EUR now", (Mark(3, 7), Mark(11, 3)))  # "buy EUR" and "now"

    changed = replacing("EUR", "euros")(text)

    assert changed.text == "😀 buy euros now"
    assert changed.marks == (Mark(3, 9), Mark(13, 3))
    assert text.marks == (Mark(3, 7), Mark(11, 3))


def test_a_mark_within_what_is_replaced_goes_and_one_that_overlaps_keeps_its_part() -> None:
    text = RichText("one two three", (Mark(5, 1), Mark(4, 3), Mark(0, 6), Mark(6, 7)))

    changed = text.replaced(4, 7, "2")

    assert changed.text == "one 2 three"
    assert changed.marks == (Mark(4, 1), Mark(0, 4), Mark(5, 6))


@given(
    text=st.text(max_size=20),
    words=st.text(max_size=5),
    places=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    mark=st.tuples(st.integers(0, 20), st.integers(1, 20)),
)
def test_marks_never_leave_the_text(
    text: str, words: str, places: tuple[int, int], mark: tuple[int, int]
) -> None:
    size = len(text.encode("utf-16-le")) // 2
    first = min(mark[0], size)
    marks = (Mark(first, min(mark[1], size - first)),) if first < size else ()
    start, end = sorted(min(place, len(text)) for place in places)

    changed = RichText(text, marks).replaced(start, end, words)

    size = len(changed.text.encode("utf-16-le")) // 2
    assert all(one.offset >= 0 and one.offset + one.length <= size for one in changed.marks)
    assert all(one.length > 0 for one in changed.marks)


def test_an_album_is_judged_with_all_its_captions() -> None:
    rules = Rules.of({"deny": {"words": ["advert"]}, "allow": {"kinds": ["photo"]}})
    album = [said("", kind="photo"), said("an advert", kind="photo")]

    assert not rules.lets_through(album)
    assert rules.lets_through([said("", kind="photo"), said("news", kind="photo")])


def test_a_footer_of_an_album_stands_below_its_caption() -> None:
    rules = Rules.of({"footer": "via us"})
    first, second = said(""), replace(said("caption"), id=2)

    assert {one: text.text for one, text in rules.texts([first, second]).items()} == {
        2: "caption\n\nvia us"
    }
    assert set(rules.texts([first])) == {1}


@pytest.mark.parametrize(("has_media", "limit"), [(False, TEXT_LIMIT), (True, CAPTION_LIMIT)])
def test_a_text_that_grows_too_long_is_cut_and_says_so(has_media: bool, limit: int) -> None:
    rules = Rules.of({"header": "News"})
    message = said("x" * limit, has_media=has_media)

    (text,) = rules.texts([message]).values()

    assert len(text) == limit
    assert text.text.endswith("…")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"alow": {}}, "'alow' is no rule"),
        ({"allow": {"word": ["a"]}}, "'word' is no filter"),
        ({"deny": {"kinds": ["gif"]}}, "'gif' is no kind"),
        ({"allow": {"patterns": ["("]}}, "'(' is no regular expression"),
        ({"replace": [{"find": "(", "with": "", "regex": True}]}, "'(' is no regular expression"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="is no") as refused:
        Rules.of(tables)

    assert said in str(refused.value)

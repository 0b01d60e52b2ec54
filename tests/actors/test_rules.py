"""Filters and transforms: each with an example, put together, and marks that keep their places."""

from __future__ import annotations

import time
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
from telewarden.errors import PatternTooSlowError
from telewarden.telegram import Incoming, RichText, units

pytestmark = pytest.mark.actors

CHANNEL = -1001


@dataclass
class Mark:
    offset: int
    length: int
    url: str | None = None


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
    (words("gold"), said("look", besides=("https://gold.example/",)), said("look")),
    (matching(r"casino\.example"), said("play", besides=("https://casino.example/",)), said("x")),
    (matching(r"(?s)look.*casino"), said("look", besides=("a", "casino")), said("casino look")),
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


def test_an_album_with_one_item_that_is_denied_is_kept_out() -> None:
    rules = Rules.of({"deny": {"kinds": ["video"]}})

    assert not rules.lets_through([said("", kind="photo"), said("", kind="video")])


@pytest.mark.parametrize("pattern", [r"^https://casino", r"example/$", "^Casino bot$"])
def test_each_part_of_a_message_is_denied_like_a_text_of_its_own(pattern: str) -> None:
    rules = Rules.of({"deny": {"patterns": [pattern]}})
    parts = ("@ann", "https://casino.example/", "Casino bot")

    assert rules.lets_through([said("look", besides=("@ann",))])
    assert not rules.lets_through([said("look", besides=parts)])


def test_a_pattern_that_says_what_a_text_must_not_hold_is_not_met_by_another_part() -> None:
    rules = Rules.of({"allow": {"patterns": [r"^(?!.*advert)"]}})

    assert not rules.lets_through([said("an advert", besides=("https://fine.example/",))])


def test_an_address_behind_words_is_replaced_like_one_that_is_read() -> None:
    link = Mark(0, 4, "https://old.example/a")
    plain = replacing("old.example", "new.example")(RichText("look", (link,)))
    pattern = replacing_pattern(r"old\.(\w+)", r"new.\1")(RichText("look", (link,)))

    assert [one.url for one in (*plain.marks, *pattern.marks)] == ["https://new.example/a"] * 2
    assert link.url == "https://old.example/a"


def test_what_is_replaced_in_other_parts_is_told_by_message() -> None:
    rules = Rules.of({"replace": [{"find": "EUR", "with": "euro"}]})
    poll = said("", kind="poll", besides=("How many EUR?", "one"))

    (text,) = rules.texts([poll]).values()

    assert (text.text, text.parts) == ("", {"How many EUR?": "How many euro?"})


@pytest.mark.parametrize("kind", ["sticker", "poll", "location", "contact", "dice", "video_note"])
def test_what_has_no_caption_gets_no_footer(kind: str) -> None:
    assert Rules.of({"footer": "via us"}).texts([said("", kind=kind, has_media=True)]) == {}


@pytest.mark.parametrize(("has_media", "limit"), [(False, TEXT_LIMIT), (True, CAPTION_LIMIT)])
@pytest.mark.parametrize("letter", ["x", "😀"])
def test_the_source_s_text_is_cut_and_the_pair_s_own_words_stand(
    has_media: bool, limit: int, letter: str
) -> None:
    rules = Rules.of({"header": "News", "footer": "via @credit"})
    message = said(letter * (limit // units(letter)), has_media=has_media)

    (text,) = rules.texts([message]).values()

    assert limit - 1 <= units(text.text) <= limit
    assert text.text.startswith(f"News\n\n{letter}")
    assert text.text.endswith(f"{letter}…\n\nvia @credit")


@pytest.mark.parametrize(("has_media", "limit"), [(False, TEXT_LIMIT), (True, CAPTION_LIMIT)])
def test_a_text_that_grows_too_long_is_cut_and_says_so(has_media: bool, limit: int) -> None:
    rules = Rules.of({"header": "News"})
    message = said("x" * limit, has_media=has_media)

    (text,) = rules.texts([message]).values()

    assert len(text) == limit
    assert text.text.endswith("…")


REPLACE = {"find": "EUR", "with": "", "regex": True}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"alow": {}}, "'alow' is no rule"),
        ({"allow": {"word": ["a"]}}, "'word' is no filter"),
        ({"deny": {"kinds": ["gif"]}}, "deny.kinds: 'gif' is no kind"),
        ({"allow": {"patterns": ["("]}}, "allow.patterns: '(' is no regular expression"),
        ({"replace": [REPLACE, REPLACE | {"find": "("}]}, "replace[2]: '(' is no regular expr"),
        ({"deny": {"patterns": ["(" * 9 + ")" * 9]}}, "9 groups inside each other; at most 8"),
        ({"deny": {"patterns": ["x" * 10_001]}}, "10001 characters; at most 10000"),
        ({"replace": [REPLACE | {"with": r"\1"}]}, r"'\\1' cannot replace 'EUR'"),
        ({"replace": [REPLACE | {"with": r"\g<n>"}]}, r"'\\g<n>' cannot replace 'EUR'"),
        ({"replace": [REPLACE | {"with": r"C:\Users"}]}, "a backslash is written"),
        ({"header": "x" * 900, "footer": "y"}, "header and footer have 901 characters"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"is no|at most|cannot|have") as refused:
        Rules.of(tables)

    assert said in str(refused.value)


@pytest.mark.parametrize("with_", [r"\1-\2", r"\g<1>\g<n>", r"\\ \n", ""])
def test_a_replacement_that_names_the_pattern_s_groups_is_taken(with_: str) -> None:
    rules = Rules.of({"replace": [{"find": r"(a)|(?P<n>b)", "with": with_, "regex": True}]})

    assert rules.texts([said("xa")])


NASTY = [r"(\w+\s?)*$", r"(a|aa)+$", r"^(.*?,){30}P", r"(x+x+)+y", r"(.*a){12}!"]


@pytest.mark.parametrize("pattern", NASTY)
def test_a_pattern_that_would_never_end_is_stopped_and_named(pattern: str) -> None:
    rules = Rules.of({"deny": {"patterns": [pattern]}})
    text = "a" * 2000 + ",1" * 400 + "x" * 1200 + "?"
    began = time.thread_time()

    with pytest.raises(PatternTooSlowError) as stopped:
        rules.lets_through([said(text)])

    assert repr(pattern) in str(stopped.value)
    assert time.thread_time() - began < 0.5


def test_many_slow_patterns_share_the_time_that_one_message_gets() -> None:
    rules = Rules.of({"replace": [{"find": NASTY[1], "with": "", "regex": True}] * 50})
    began = time.thread_time()

    with pytest.raises(PatternTooSlowError):
        rules.texts([said("a" * 4000 + "b")])

    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize("with_", ["b", "b" * 20, "😀" * 1000])
@pytest.mark.parametrize("regex", [False, True])
def test_the_longest_text_with_the_most_marks_is_changed_at_once(with_: str, regex: bool) -> None:
    marks = tuple(Mark(n * 40, 39) for n in range(100))
    rules = Rules.of({"replace": [{"find": "a", "with": with_, "regex": regex}] * 3})
    assert rules.change is not None
    began = time.thread_time()

    changed = rules.change(RichText("a" * 4096, marks))

    assert time.thread_time() - began < 0.5
    assert changed.marks
    assert units(changed.text) <= 65536


@given(
    text=st.text("ab😀 ", max_size=12),
    find=st.sampled_from(["a", "b", "😀", "ab", " "]),
    words=st.text("x😀", max_size=3),
    mark=st.tuples(st.integers(0, 20), st.integers(1, 20)),
)
def test_many_places_at_once_are_replaced_as_one_after_the_other(
    text: str, find: str, words: str, mark: tuple[int, int]
) -> None:
    size = units(text)
    marks = (Mark(mark[0], min(mark[1], size - mark[0])),) if mark[0] < size else ()
    one_by_one, at = RichText(text, marks), 0
    while (place := one_by_one.text.find(find, at)) >= 0:
        one_by_one = one_by_one.replaced(place, place + len(find), words)
        at = place + len(words)

    assert replacing(find, words)(RichText(text, marks)) == one_by_one

"""Telegram's entities as Discord's Markdown. Pure.

Telegram lays marks over a text, Discord writes signs into it: signs are closed in the order
opposite to that in which they were opened, never touch a space on their inside, and mean nothing in
code. What would be a sign of Discord's by chance is escaped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

from ...telegram import RichText, units

SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "Bold": ("**", "**"),
    "Italic": ("*", "*"),
    "Underline": ("__", "__"),
    "Strike": ("~~", "~~"),
    "Spoiler": ("||", "||"),
    "Code": ("`", "`"),
}
CODE: Final = frozenset({"Code", "Pre"})
ORDER: Final = ("Spoiler", "Bold", "Underline", "Strike", "Italic", "TextUrl", "Code", "Pre")
"""Which stands outside when two cover the same words."""
ESCAPED: Final = re.compile(r"([\\*_~`|\[\]<>])")
ESCAPED_FIRST: Final = re.compile(r"^(\s*)(#{1,3} |-# |- )", re.MULTILINE)
NUMBERED: Final = re.compile(r"^\s*\d+(\.) ", re.MULTILINE)
ADDRESS: Final = re.compile(r"https?://[^\s<>]+")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark in characters of the text, with its signs."""

    kind: str
    start: int
    end: int
    opens: str
    closes: str


def markdown(text: RichText) -> str:
    """A text with its entities as Discord reads it."""
    quotes, marks = _marks(text)
    lines = _written(text.text, marks)
    places = sorted({0, len(text.text), *(place for quote in quotes for place in quote)})
    parts = list[str]()
    for start, end in pairwise(places):
        part = "".join(lines[start:end])
        if any(first <= start and end <= last for first, last in quotes):
            part = "\n".join(f"> {line}" for line in part.strip("\n").split("\n"))
            before = "\n" if start and not "".join(parts).endswith("\n") else ""
            after = "\n" if end < len(text.text) and text.text[end] != "\n" else ""
            part = f"{before}{part}{after}"
        parts.append(part)
    return "".join(parts)


def escaped(text: str) -> str:
    """A text as it is, whatever signs are in it."""
    return ESCAPED.sub(r"\\\1", text)


def _written(text: str, marks: Sequence[_Mark]) -> list[str]:
    """Each character as it is written, with the signs that stand before and behind it."""
    found = _escaped(text, [(one.start, one.end) for one in marks if one.kind in CODE])
    before, behind = [""] * len(text), [""] * len(text)
    for start, end, inside in _segments(text, marks):
        for one in inside:
            before[start] += one.opens
            behind[end - 1] = one.closes + behind[end - 1]
    return [f"{before[at]}{one}{behind[at]}" for at, one in enumerate(found)]


def _segments(text: str, marks: Sequence[_Mark]) -> Iterator[tuple[int, int, list[_Mark]]]:
    """Stretches that are covered by the same marks, without the spaces at their ends.

    Neighbours close and open what both have: Discord reads it the same, and nothing overlaps.
    """
    places = sorted({place for one in marks for place in (one.start, one.end)})
    for start, end in pairwise(places):
        inside = [one for one in marks if one.start <= start and end <= one.end]
        codes = [one for one in inside if one.kind in CODE]
        inside = codes[:1] or inside
        stretch = text[start:end]
        if not inside or not stretch.strip():
            continue
        if not codes:
            start += len(stretch) - len(stretch.lstrip())
            end -= len(stretch) - len(stretch.rstrip())
        yield start, end, sorted(inside, key=lambda one: ORDER.index(one.kind))


def _escaped(text: str, codes: Sequence[tuple[int, int]]) -> list[str]:
    """Each character, escaped where it would be a sign by chance; addresses and code are not."""
    plain = [*codes, *((one.start(), one.end()) for one in ADDRESS.finditer(text))]
    found = list(text)
    firsts = {one.start(2) for one in ESCAPED_FIRST.finditer(text)}
    for at, one in enumerate(text):
        if any(start <= at < end for start, end in plain):
            continue
        if ESCAPED.match(one) or at in firsts:
            found[at] = f"\\{one}"
    for listed in NUMBERED.finditer(text):
        if not any(start <= listed.start(1) < end for start, end in plain):
            found[listed.start(1)] = "\\."
    for start, end in codes:  # a sign of code within code would end it
        for at in range(start, end):
            if text[at] == "`":
                found[at] = "\u02cb"
    return found


def _marks(text: RichText) -> tuple[list[tuple[int, int]], list[_Mark]]:
    """Quotes, by their places, and the other marks that Discord has a sign for."""
    place = [*accumulate((units(one) for one in text.text), initial=0)]
    quotes, found = list[tuple[int, int]](), list[_Mark]()
    for mark in text.marks:
        kind = type(mark).__name__.removeprefix("MessageEntity")
        start = bisect_left(place, mark.offset)
        end = min(bisect_left(place, mark.offset + mark.length), len(text.text))
        if start >= end:
            continue
        if kind == "Blockquote":
            quotes.append((start, end))
        elif (signs := _signs(kind, mark)) is not None:
            found.append(_Mark(kind, start, end, *signs))
    return sorted(quotes), found


def _signs(kind: str, mark: Any) -> tuple[str, str] | None:
    if kind == "TextUrl" and str(mark.url).startswith(("http://", "https://")):
        address = str(mark.url).replace(")", "%29").replace(" ", "%20")
        return "[", f"]({address})"
    if kind == "Pre":
        language = re.sub(r"[^\w+#.-]", "", getattr(mark, "language", "") or "")
        return f"```{language}\n", "\n```"
    return SIGNS.get(kind)

"""Transforms of a text: small functions on rich text, put together. Pure.

Each takes a ``RichText`` and returns another; bold, links and mentions keep their places, and an
address that stands behind words is changed like one that can be read::

    change = chain(replacing("Acme", "ACME Ltd"), with_footer("via @my_channel"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..telegram import RichText, units
from .patterns import LONGEST, Pattern

Transform = Callable[[RichText], RichText]


def chain(*transforms: Transform) -> Transform:
    """One after the other, in order: ``chain(replacing("a", "b"), with_header("News"))``."""

    def change(text: RichText) -> RichText:
        for one in transforms:
            text = one(text)
        return text

    return change


def replacing(find: str, words: str) -> Transform:
    """Every ``find``, exactly as it is written, becomes ``words``: ``replacing("EUR", "euro")``."""
    if not find:
        raise ValueError("replacing: find is empty; give the text that is to be replaced")
    if units(words) > LONGEST:
        raise ValueError(f"a replacement has {units(words)} characters; at most {LONGEST}")

    def places(text: str) -> Iterator[tuple[int, int, str]]:
        at = text.find(find)
        while at >= 0:
            yield at, at + len(find), words
            at = text.find(find, at + len(find))

    def change(text: RichText) -> RichText:
        return text.substituted(places(text.text)).addressed(lambda url: url.replace(find, words))

    return change


def replacing_pattern(pattern: str, words: str) -> Transform:
    r"""Every match of a regular expression: ``replacing_pattern(r"@(\w+)", r"(\1)")``.

    Raises:
        ValueError: it is no regular expression, or ``words`` name a group that it has not.
    """
    read = Pattern(pattern)
    read.check_template(words)

    def change(text: RichText) -> RichText:
        changed = text.substituted(read.places(text.text, words))
        return changed.addressed(
            lambda url: RichText(url).substituted(read.places(url, words)).text
        )

    return change


def with_header(words: str) -> Transform:
    """``words`` stand above the text, with a line between: ``with_header("From the desk")``."""
    return lambda text: text.before(f"{words}\n\n" if text.text else words)


def with_footer(words: str) -> Transform:
    """``words`` stand below the text, with a line between: ``with_footer("via @my_channel")``."""
    return lambda text: text.behind(f"\n\n{words}" if text.text else words)

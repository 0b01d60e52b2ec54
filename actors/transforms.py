"""What a pair changes in a text on its way: small functions that are put together. Pure.

Each takes a ``RichText`` and returns another; bold, links and mentions keep their places::

    change = chain(replacing("Acme", "ACME Ltd"), with_footer("via @my_channel"))
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..telegram import RichText

__all__ = [
    "Transform",
    "chain",
    "replacing",
    "replacing_pattern",
    "with_footer",
    "with_header",
]

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

    def where(text: str, start: int) -> tuple[int, int, str] | None:
        at = text.find(find, start)
        return None if at < 0 else (at, at + len(find), words)

    return lambda text: text.substituted(where)


def replacing_pattern(pattern: str, words: str) -> Transform:
    r"""Every match of a regular expression: ``replacing_pattern(r"@(\w+)", r"(\1)")``.

    Raises:
        re.error: it is no regular expression.
    """
    compiled = re.compile(pattern)

    def where(text: str, start: int) -> tuple[int, int, str] | None:
        match = compiled.search(text, start)
        return None if match is None else (match.start(), match.end(), match.expand(words))

    return lambda text: text.substituted(where)


def with_header(words: str) -> Transform:
    """``words`` stand above the text, with a line between: ``with_header("From the desk")``."""
    return lambda text: text.before(f"{words}\n\n" if text.text else words)


def with_footer(words: str) -> Transform:
    """``words`` stand below the text, with a line between: ``with_footer("via @my_channel")``."""
    return lambda text: text.behind(f"\n\n{words}" if text.text else words)

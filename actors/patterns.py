r"""Regular expressions of operators, with a deadline for each match.

They are the ``regex`` package's, which reads what the standard library does and stops at a
deadline: a repeat inside a repeat (``(\w+\s?)*$``) takes longer than the universe lasts on the
wrong text, and all sessions live in one loop. What a pattern and its replacement cannot be is told
when they are read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import regex

from ..errors import PatternTooSlowError

LOOK_WITHIN: Final = 0.05  # seconds of CPU that all patterns of a pair get for one message
LONGEST: Final = 10_000  # characters of a pattern or of a replacement
DEEPEST: Final = 8  # groups inside each other; reading one takes three times as long with each

_error: Final[Any] = regex.error


class _Allowance:
    """The seconds that are left for one message."""

    def __init__(self) -> None:
        self.left = LOOK_WITHIN


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def looking() -> Iterator[None]:
    """Let all patterns inside share one allowance; without it each look has its own."""
    token = _allowance.set(_Allowance())
    try:
        yield
    finally:
        _allowance.reset(token)


class Pattern:
    r"""One pattern, read: ``Pattern(r"@(\w+)")``.

    Raises:
        ValueError: it is no regular expression, or one that may not be used; the message names it.
    """

    def __init__(self, source: str, *, engine: Any = None) -> None:
        self.source = source
        try:
            self._engine: Any = engine or _compiled(source)
        except (_error, OverflowError, RecursionError) as exc:
            raise ValueError(f"{source!r} is no regular expression: {exc}") from exc

    def found_in(self, text: str) -> bool:
        """Whether it is found in ``text``.

        Raises:
            PatternTooSlowError: it was not through with that text in time.
        """
        return self._within(lambda timeout: self._engine.search(text, timeout=timeout)) is not None

    def check_template(self, template: str) -> None:
        r"""Make sure that ``template`` can replace a match: ``\1``, ``\g<name>``.

        Raises:
            ValueError: it names a group that is not there, or escapes what is none.
        """
        names = {number: name for name, number in self._engine.groupindex.items()}
        numbers = range(1, self._engine.groups + 1)
        groups = (f"(?P<{names[one]}>)" if one in names else "()" for one in numbers)
        try:  # the standard library reads a template with the pattern's groups, whatever they hold
            re.compile("".join(groups)).sub(template, "")
        except (re.error, IndexError, OverflowError) as exc:
            raise ValueError(
                f"{template!r} cannot replace {self.source!r}: {exc};"
                f" it has {self._engine.groups} groups, and a backslash is written \\\\"
            ) from exc
        if len(template) > LONGEST:
            raise ValueError(f"a replacement has {len(template)} characters; at most {LONGEST}")

    def places(self, text: str, template: str) -> Sequence[tuple[int, int, str]]:
        """Where it is found in ``text``, from and to, and what ``template`` makes of each.

        Raises:
            PatternTooSlowError: it was not through with that text in time.
        """
        found = self._within(lambda timeout: [*self._engine.finditer(text, timeout=timeout)])
        return [(*match.span(), match.expand(template)) for match in found]

    def _within(self, look: Any) -> Any:
        allowance = _allowance.get() or _Allowance()
        began = time.thread_time()
        try:
            if allowance.left <= 0:
                raise TimeoutError
            return look(allowance.left)
        except TimeoutError:
            raise PatternTooSlowError(self.source, within=LOOK_WITHIN) from None
        finally:
            allowance.left -= time.thread_time() - began


def any_word(words: Sequence[str]) -> Pattern:
    """A pattern that is found where one of ``words`` stands, whole, in any case; any number go."""
    spelt = r"(?<!\w)\L<words>(?!\w)"
    engine = regex.compile(spelt, regex.V0 | regex.IGNORECASE, words=list(words))
    return Pattern("|".join(words), engine=engine)


def _compiled(source: str) -> Any:
    _refuse_monsters(source)
    return regex.compile(source, regex.V0, cache_pattern=False)


def _refuse_monsters(source: str) -> None:
    if len(source) > LONGEST:
        raise ValueError(f"a pattern has {len(source)} characters; at most {LONGEST}")
    depth = deepest = 0
    for one in re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]", "", source, flags=re.DOTALL):
        depth += (one == "(") - (one == ")")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ValueError(f"{source!r} has {deepest} groups inside each other; at most {DEEPEST}")

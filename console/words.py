"""Explanations and advice in the operator's language, translated sentence by sentence.

The English of each state and error class stands beside its meaning (``telegram.PHASES``, the
error table). A language is a table from that English to its own words; whatever has no entry
stays English. Names in braces stand for what differs from case to case.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, Final

LANGUAGES: Final = ("en", "vi")
TEXTS: Final = frozenset({"advice", "explanation", "health_advice", "health_explanation"})

REASONS: Final = frozenset({"paused", "reason"})

_NAMED: Final = re.compile(r"((?:\S+: )?[A-Z][A-Z0-9_]+: )(.+)", re.DOTALL)  # CHAT: ERROR: advice
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Words:
    """The texts of one language.

    Args:
        language: one of ``LANGUAGES``; another one leaves everything English.
    """

    def __init__(self, language: str = "en") -> None:
        self.language = language if language in LANGUAGES else "en"
        self._plain, self._formed = _tables(self.language)

    def __call__(self, text: str) -> str:
        """``text`` in this language, or as it is."""
        if (found := self._plain.get(text)) is not None:
            return found
        for form, translation in self._formed:
            if (parts := form.fullmatch(text)) is not None:
                return translation.format(**parts.groupdict())
        return text

    def reason(self, text: str) -> str:
        """Why something is as it is: an error's own name, and the rest in this language."""
        if (whole := self(text)) != text or (named := _NAMED.fullmatch(text)) is None:
            return whole
        return f"{named[1]}{self(named[2])}"


def translated(value: Any, words: Words) -> Any:
    """Plain data with its explanations and advice in a language; all else stays as it is."""
    match value:
        case dict():
            return {name: _field(name, one, words) for name, one in value.items()}
        case list():
            return [translated(one, words) for one in value]
        case _:
            return value


def _field(name: str, value: Any, words: Words) -> Any:
    if isinstance(value, str):
        return words(value) if name in TEXTS else words.reason(value) if name in REASONS else value
    return translated(value, words)


def language_of(wanted: str) -> str:
    """The language that is wanted most of those that there are.

    Args:
        wanted: an ``Accept-Language`` header (``vi-VN,vi;q=0.9``), or a locale (``vi_VN.UTF-8``).

    Returns:
        One of ``LANGUAGES``; English where none of them is wanted.
    """
    ranked = []
    for place, part in enumerate(wanted.split(",")):
        tag, _, rest = part.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        ranked.append((-float(weight[1]) if weight else -1.0, place, tag))
    for weighed, _, tag in sorted(ranked):
        base = re.split(r"[-_.@]", tag.lower())[0]
        if weighed and base in LANGUAGES:
            return base
    return "en"


@functools.cache
def _tables(language: str) -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """The sentences that are always the same, and the forms of those that are not."""
    if language == "en":
        return {}, ()
    from importlib import resources  # not before it is needed: a command line never does

    file = resources.files("telewarden.console") / f"words_{language}.json"
    table: dict[str, str] = json.loads(file.read_text("utf-8"))
    plain = {text: said for text, said in table.items() if not _PLACE.search(text)}
    formed = tuple((_form(text), said) for text, said in table.items() if text not in plain)
    return plain, formed


def _form(template: str) -> re.Pattern[str]:
    pieces = _PLACE.split(template)  # texts and names in turn
    names = pieces[1::2]
    return re.compile(
        "".join(
            re.escape(piece)
            if number % 2 == 0
            else f"(?P={piece})"  # the same once more
            if piece in names[: number // 2]
            else f"(?P<{piece}>.*)"
            for number, piece in enumerate(pieces)
        ),
        re.DOTALL,
    )

"""A pair's rules from its configuration: filters and transforms. Pure.

Reading them refuses what cannot be, by name, before anything starts. They see the whole message:
its text, and whatever else a reader sees or can open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..telegram import Incoming, RichText, units
from .filters import (
    Filter,
    all_of,
    from_senders,
    in_topics,
    matching,
    of_kinds,
    words,
)
from .patterns import looking
from .transforms import Transform, chain, replacing, replacing_pattern, with_footer, with_header

TEXT_LIMIT: Final = 4096  # UTF-16 units, Telegram's
CAPTION_LIMIT: Final = 1024  # UTF-16 units, for accounts without Premium
OWN_LIMIT: Final = 900  # UTF-16 units of header and footer; the source has a word, too
BETWEEN: Final = 2  # units: the empty line below a header, above a footer
WITHOUT_CAPTION: Final = frozenset(
    {"contact", "dice", "location", "poll", "rich", "sticker", "todo", "video_note"}
)
"""Kinds that Telegram shows without a text."""

_ALLOW: Final[Mapping[str, Any]] = {
    "words": words,
    "patterns": matching,
    "senders": from_senders,
    "kinds": of_kinds,
    "topics": lambda *topics: in_topics(topics),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a pair lets through, and how it changes a text; by default everything and nothing.

    Args:
        allow: what a message must be.
        deny: what it must not be, any of them.
        change: what becomes of the source's words.
        header, footer: the pair's own words, which are never cut.
    """

    allow: Filter | None = None
    deny: tuple[Filter, ...] = ()
    change: Transform | None = None
    header: str = ""
    footer: str = ""

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Rules:
        """Read ``allow``, ``deny``, ``replace``, ``header`` and ``footer``.

        Raises:
            ValueError: a rule cannot be used; the message names it.
        """
        unknown = sorted(set(tables) - {"allow", "deny", "replace", "header", "footer"})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no rule; rules are: allow, deny, replace, ...")
        allow = _filters("allow", tables.get("allow") or {})
        changes = list(_transforms(tables.get("replace") or ()))
        header, footer = tables.get("header") or "", tables.get("footer") or ""
        own = units(header) + units(footer)
        if own > OWN_LIMIT:
            raise ValueError(f"header and footer have {own} characters; at most {OWN_LIMIT}")
        return cls(
            allow=all_of(*allow) if allow else None,
            deny=tuple(_filters("deny", tables.get("deny") or {})),
            change=chain(*changes) if changes else None,
            header=header,
            footer=footer,
        )

    @property
    def judges(self) -> bool:
        """Whether anything is kept out."""
        return self.allow is not None or bool(self.deny)

    @property
    def dresses(self) -> bool:
        """Whether any text is changed."""
        return self.change is not None or bool(self.header or self.footer)

    def lets_through(self, messages: Sequence[Incoming]) -> bool:
        """Whether these go on; an album is judged as one message with all its captions.

        Raises:
            PatternTooSlowError: a pattern was not through with them in time.
        """
        if not self.judges:
            return True
        whole = _together(messages) if len(messages) > 1 else messages
        with looking():
            if self.allow is not None and not any(self.allow(one) for one in whole):
                return False
            return not any(self._denied(one) for one in whole)

    def lets_stay(self, message: Incoming) -> bool:
        """Whether a message that was sent is still wanted, as it is now.

        Of an album one item is edited, and ``allow`` is about all of them: it is not asked.

        Raises:
            PatternTooSlowError: a pattern was not through with it in time.
        """
        if message.grouped_id is None:
            return self.lets_through((message,))
        with looking():
            return not self._denied(message)

    def _denied(self, message: Incoming) -> bool:
        """Whether it, or one of its parts by itself, is what must not be."""
        parts = (replace(message, text=part, besides=()) for part in message.besides)
        return any(one(part) for part in (message, *parts) for one in self.deny)

    def texts(self, messages: Sequence[Incoming], *, short: bool = False) -> dict[int, RichText]:
        """What is sent in place of the messages' own texts and other words, by message id.

        Of an album only the items that have a caption are changed, or else the first one. With
        ``short`` nothing is longer than an account without Premium may send it.

        Raises:
            PatternTooSlowError: a pattern was not through with them in time.
        """
        if not self.dresses:
            return {one.id: _cut(one) for one in messages if short and is_long(one)}
        spoken = [one for one in messages if one.text] or list(messages[:1])
        with looking():
            texts = {one.id: self._changed(one, short=short) for one in spoken if _speaks(one)}
            for one in messages:
                if parts := self._parts(one.besides):
                    text = texts.get(one.id) or RichText(one.text, one.marks)
                    texts[one.id] = replace(text, parts=parts)
            return texts

    def _parts(self, besides: Iterable[str]) -> dict[str, str]:
        """Of the words beside the text those that are replaced, and by what."""
        if self.change is None:
            return {}
        changed = [(one, self.change(RichText(one)).text) for one in besides]
        return {before: after for before, after in changed if before != after}

    def _changed(self, message: Incoming, *, short: bool) -> RichText:
        """The source's words, changed, and cut so that the pair's own have room."""
        text = RichText(message.text, message.marks)
        if self.change is not None:
            text = self.change(text)
        limit = _limit(message)
        if message.has_media and not short:
            limit = max(limit, units(message.text))
        own = sum(units(words_) + BETWEEN for words_ in (self.header, self.footer) if words_)
        text = text.stripped().cut(limit - own)
        for add, words_ in ((with_header, self.header), (with_footer, self.footer)):
            text = add(words_)(text) if words_ else text
        return text


def is_long(message: Incoming) -> bool:
    """Whether an account without Premium may not be allowed to say what ``message`` says."""
    return units(message.text) > _limit(message)


def _limit(message: Incoming) -> int:
    return CAPTION_LIMIT if message.has_media else TEXT_LIMIT


def _cut(message: Incoming) -> RichText:
    return RichText(message.text, message.marks).stripped().cut(_limit(message))


def _together(messages: Sequence[Incoming]) -> list[Incoming]:
    """An album's items, each with what is said beside all of them."""
    text = "\n".join(one.text for one in messages if one.text)
    besides = tuple(dict.fromkeys(part for one in messages for part in one.besides))
    return [replace(one, text=text, besides=besides) for one in messages]


def _speaks(message: Incoming) -> bool:
    return bool(message.text) or message.kind not in WITHOUT_CAPTION


def _filters(table: str, filters: Mapping[str, Any]) -> list[Filter]:
    unknown = sorted(set(filters) - set(_ALLOW))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no filter; filters are: {', '.join(_ALLOW)}")
    return [
        _read(f"{table}.{name}", _ALLOW[name], *values)
        for name, values in filters.items()
        if values
    ]


def _transforms(rules: Iterable[Mapping[str, Any]]) -> Iterable[Transform]:
    for number, one in enumerate(rules, start=1):
        make = replacing_pattern if one.get("regex") else replacing
        yield _read(f"replace[{number}]", make, one["find"], one["with"])


def _read(where: str, make: Any, *values: Any) -> Any:
    """What ``make`` makes of a rule; what it cannot make is told with the rule's place."""
    try:
        return make(*values)
    except ValueError as exc:
        raise ValueError(f"{where}: {exc}") from exc

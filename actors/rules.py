"""A pair's rules, from its configuration: what it lets through and what it changes. Pure.

Reading them refuses what cannot be, by name, before anything starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..telegram import Incoming, RichText
from .filters import (
    Filter,
    all_of,
    from_senders,
    in_topics,
    matching,
    none_of,
    of_kinds,
    words,
)
from .transforms import Transform, chain, replacing, replacing_pattern, with_footer, with_header

__all__ = ["Rules"]

TEXT_LIMIT: Final = 4096  # characters, Telegram's
CAPTION_LIMIT: Final = 1024  # characters, for accounts without Premium

_ALLOW: Final[Mapping[str, Any]] = {
    "words": words,
    "patterns": matching,
    "senders": from_senders,
    "kinds": of_kinds,
    "topics": lambda *topics: in_topics(topics),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a pair lets through, and how it changes a text; by default everything and nothing."""

    wanted: Filter | None = None
    change: Transform | None = None

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Rules:
        """Read ``allow``, ``deny``, ``replace``, ``header`` and ``footer``.

        Raises:
            ValueError: a rule cannot be used; the message names it.
        """
        unknown = sorted(set(tables) - {"allow", "deny", "replace", "header", "footer"})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no rule; rules are: allow, deny, replace, ...")
        try:
            allow = _filters(tables.get("allow") or {})
            deny = _filters(tables.get("deny") or {})
            changes = list(_transforms(tables))
        except re.error as exc:
            raise ValueError(f"{exc.pattern!r} is no regular expression: {exc}") from exc
        filters = [*allow, *([none_of(*deny)] if deny else [])]
        return cls(
            wanted=all_of(*filters) if filters else None,
            change=chain(*changes) if changes else None,
        )

    def lets_through(self, messages: Sequence[Incoming]) -> bool:
        """Whether these go on; an album is judged as one message with all its captions."""
        if self.wanted is None:
            return True
        first = messages[0]
        if len(messages) > 1:
            together = "\n".join(one.text for one in messages if one.text)
            return any(self.wanted(replace(one, text=together)) for one in messages)
        return self.wanted(first)

    def texts(self, messages: Sequence[Incoming]) -> dict[int, RichText]:
        """What is sent in place of the messages' own texts, by message id.

        Of an album only the items that have a caption are changed, or else the first one.
        """
        if self.change is None:
            return {}
        spoken = [one for one in messages if one.text] or list(messages[:1])
        return {one.id: self._changed(one) for one in spoken}

    def _changed(self, message: Incoming) -> RichText:
        assert self.change is not None  # noqa: S101 - texts looked
        marks = tuple(getattr(message.raw, "entities", None) or ())
        changed = self.change(RichText(message.text, marks))
        if message.has_media:
            return changed.cut(max(CAPTION_LIMIT, len(message.text)))
        return changed.cut(TEXT_LIMIT)


def _filters(table: Mapping[str, Any]) -> Iterable[Filter]:
    unknown = sorted(set(table) - set(_ALLOW))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no filter; filters are: {', '.join(_ALLOW)}")
    return [_ALLOW[name](*values) for name, values in table.items() if values]


def _transforms(tables: Mapping[str, Any]) -> Iterable[Transform]:
    for one in tables.get("replace") or ():
        make = replacing_pattern if one.get("regex") else replacing
        yield make(one["find"], one["with"])
    if tables.get("header"):
        yield with_header(tables["header"])
    if tables.get("footer"):
        yield with_footer(tables["footer"])

"""Filters: small predicates on a message, put together. Pure.

Each takes one message and says yes or no. What looks for words looks into the whole message: the
text, and whatever else a reader sees or can open. ``Rules`` reads them from a pair's configuration;
an app may put its own together::

    wanted = all_of(words("goal", "match"), none_of(words("betting")), of_kinds("text", "photo"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..telegram import Incoming
from .patterns import Pattern, any_word

Filter = Callable[[Incoming], bool]

KINDS = frozenset(
    {
        "animation",
        "audio",
        "contact",
        "dice",
        "document",
        "game",
        "gift",
        "giveaway",
        "invoice",
        "location",
        "monoforum",
        "other",
        "paid",
        "photo",
        "poll",
        "rich",
        "sticker",
        "story",
        "text",
        "todo",
        "video",
        "video_note",
        "video_stream",
        "voice",
    }
)
"""What a message may be; ``monoforum`` is where it stands, beside what it is."""

EPHEMERAL: Final = "ephemeral"  # messages for one reader, which are gone in a moment


def all_of(*filters: Filter) -> Filter:
    """Every one of ``filters`` says yes; without any, always: ``all_of()(message)`` is true."""
    return lambda message: all(one(message) for one in filters)


def any_of(*filters: Filter) -> Filter:
    """At least one says yes: ``any_of(words("gold"), of_kinds("photo"))``."""
    return lambda message: any(one(message) for one in filters)


def none_of(*filters: Filter) -> Filter:
    """None says yes: ``none_of(words("advert"))`` keeps adverts out."""
    return lambda message: not any(one(message) for one in filters)


def words(*wanted: str) -> Filter:
    """One of the words stands in the message, whole and in any case.

    ``words("art")`` takes "Art!" and leaves "party"; a word may be several: ``words("new york")``.
    """
    spelt = [one for one in wanted if one]
    return _anywhere(any_word(spelt)) if spelt else lambda _: False


def matching(*patterns: str) -> Filter:
    r"""One of the regular expressions is found in the message: ``matching(r"\$[A-Z]{3,5}\b")``.

    Raises:
        ValueError: one is no regular expression.
    """
    return any_of(*(_anywhere(Pattern(one)) for one in patterns))


def _anywhere(pattern: Pattern) -> Filter:
    """It is found in the text, or in all that a reader sees or can open."""

    def found(message: Incoming) -> bool:
        if pattern.found_in(message.text):
            return True
        return bool(message.besides) and pattern.found_in(message.whole)

    return found


def from_senders(*senders: int) -> Filter:
    """It was written by one of these users or channels (marked ids): ``from_senders(777000)``.

    A channel's own post has no sender; it counts as the channel's.
    """
    known = frozenset(senders)
    return lambda message: (message.chat if message.sender is None else message.sender) in known


def of_kinds(*kinds: str) -> Filter:
    """It is of one of these ``KINDS``: ``of_kinds("photo", "video")``.

    Raises:
        ValueError: there is no such kind.
    """
    if EPHEMERAL in kinds:
        raise ValueError(f"{EPHEMERAL!r} messages are never forwarded; leave the kind out")
    unknown = sorted(set(kinds) - KINDS)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no kind; kinds are: {', '.join(sorted(KINDS))}")
    wanted = frozenset(kinds)
    beside = "monoforum" in wanted
    return lambda message: message.kind in wanted or (beside and message.monoforum)


def in_topics(topics: Iterable[int]) -> Filter:
    """It stands in one of these topics of a forum: ``in_topics([1, 25])``; 1 is "General"."""
    wanted = frozenset(topics)
    return lambda message: (message.topic or 1) in wanted

"""The tables ``[[pairs]]``: source, target, filters and transforms."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from ..actors.messages import PairPlan
from ..actors.pair_graph import faults_of, way_of
from ..actors.pair_handlers import TELEGRAM
from ..actors.rules import Rules
from ..errors.root import shown
from ..telegram.addressing.names import ME, is_invitation, read_chat, same_chat
from .secrets import Table

Whole = Annotated[int, Field(strict=True, ge=-(2**62), le=2**62)]
PairNumber = Annotated[int, Field(strict=True, ge=1, le=2**62)]
Stars = Annotated[int, Field(strict=True, ge=0, le=10_000)]  # Telegram's own limit for a message
Text = Annotated[str, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
PeerName = Annotated[Whole | Text, Field(union_mode="left_to_right")]

CHATS: Final = ("source", "target", "send_as")
FAULTS_SHOWN: Final = 20  # of those that pairs have together


class FilterConfig(Table):
    """What a message must, or must not, have; every key that is given counts."""

    words: tuple[Text, ...] = ()
    patterns: tuple[Text, ...] = Field(default=(), description="regular expressions")
    senders: tuple[Whole, ...] = ()
    kinds: tuple[Text, ...] = Field(default=(), description="text, photo, video, voice, ...")
    topics: tuple[Whole, ...] = Field(default=(), description="of a forum; 1 is General")


class ReplaceConfig(Table):
    """What is replaced in a text: ``{ find = "EUR", with = "euro" }``."""

    find: Text = Field(min_length=1)
    words: Text = Field(alias="with")
    regex: Switch = False


class PairConfig(Table):
    """One way from a source chat to a target chat.

    A chat is a ``@username``, the number that Telegram's clients show (``-1001234567890``, with or
    without what stands before it), a ``t.me`` link, the link of an invitation or ``me``. With a
    ``handler`` of your own there is no target; ``options`` are handed to it.
    """

    id: PairNumber
    session: Text
    source: PeerName
    target: PeerName | None = None
    mode: Literal["forward", "copy"] = "forward"
    enabled: Switch = True
    allow: FilterConfig = FilterConfig()
    deny: FilterConfig = FilterConfig()
    replace: tuple[ReplaceConfig, ...] = ()
    header: Text = ""
    footer: Text = ""
    edits: Switch = Field(default=True, description="copies are edited as their source is")
    deletes: Switch = Field(default=True, description="what is deleted at the source goes too")
    replies: Switch = Field(default=True, description="answers stay answers, in copies")
    topic: Whole | None = Field(default=None, description="of the target, when it is a forum")
    topics: Mapping[Text, Whole] = Field(default_factory=dict, description="source to target")
    ring: Switch = Field(
        default=False,
        description="may be in a ring of pairs; what these put into its source stays there",
    )
    unwanted: Literal["delete", "keep"] = Field(
        default="delete", description="a copy whose message an edit makes unwanted"
    )
    max_stars: Stars = Field(default=0, description="Stars a message may cost; 0: nothing is paid")
    send_as: PeerName | None = Field(
        default=None, description="channel of the account's, or the group, to send as"
    )
    silent: Switch = Field(default=False, description="nobody hears a sound of what it sends")
    join: Switch = Field(
        default=False, description="the account may join its chats, where it is not in them"
    )
    handler: Text = TELEGRAM
    options: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_chats(cls, given: Any) -> Any:
        """Each chat in its one spelling, and what a link says besides where there is a place."""
        if not isinstance(given, Mapping):
            return given
        fields, topics = dict(given), {}
        for key in CHATS:
            value = fields.get(key)
            if isinstance(value, str):
                with contextlib.suppress(ValueError):  # told with all that is wrong with the pair
                    name = read_chat(value)
                    fields[key], topics[key] = name.chat, name.topic
        _take_topics(fields, source=topics.get("source"), target=topics.get("target"))
        return fields

    def rules(self) -> dict[str, Any]:
        """Filters and transforms, as the worker groups read them."""
        rules: dict[str, Any] = {
            "allow": self.allow.model_dump(exclude_defaults=True),
            "deny": self.deny.model_dump(exclude_defaults=True),
            "replace": [one.model_dump(by_alias=True) for one in self.replace],
            "header": self.header,
            "footer": self.footer,
        }
        return {name: value for name, value in rules.items() if value}

    @model_validator(mode="after")
    def _usable(self) -> Self:
        Rules.of(self.rules())
        changes = self.replace or self.header or self.footer
        if changes and self.mode == "forward" and self.handler == TELEGRAM:
            raise ValueError(
                "replace, header and footer change the text, and a forward cannot be changed;"
                ' say mode = "copy"'
            )
        if (self.target is None) == (self.handler == TELEGRAM):
            raise ValueError("give a target, or a handler of your own, and not both")
        if self.handler != TELEGRAM and (self.send_as is not None or self.silent):
            raise ValueError("send_as and silent are for a target; a handler sends by itself")
        if not all(re.fullmatch(r"[0-9]+", topic) for topic in self.topics):
            raise ValueError("topics are numbers: { 5 = 12 }")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        for key in CHATS:
            value = getattr(self, key)
            if isinstance(value, str):
                _refuse_unread(key, value)
            if value == 0:
                raise ValueError(f"{key} is 0, which is no chat; give its number or a @username")
        if self.send_as == ME or (self.send_as is not None and is_invitation(self.send_as)):
            raise ValueError(
                f"send_as is {shown(self.send_as)}; give a @username or a number, or leave it out"
                " to send as the account"
            )
        if self.target is not None and same_chat(self.source) == same_chat(self.target):
            raise ValueError("source and target are the same chat; a pair would feed itself")
        return self

    def plan(self) -> PairPlan:
        """The pair as the worker groups know it."""
        return PairPlan(
            id=self.id,
            session=self.session,
            source=self.source,
            target=0 if self.target is None else self.target,
            mode=self.mode,
            enabled=self.enabled,
            rules=self.rules(),
            handler=self.handler,
            options=self.options,
            edits=self.edits,
            deletes=self.deletes,
            replies=self.replies,
            topic=self.topic,
            topics={int(source): target for source, target in self.topics.items()},
            ring=self.ring,
            unwanted=self.unwanted,
            max_stars=self.max_stars,
            send_as=self.send_as,
            silent=self.silent,
            join=self.join,
        )


def refuse_together(pairs: Iterable[PairConfig]) -> None:
    """Refuse pairs that are fine one by one and not together; pairs switched off do not count.

    Raises:
        ValueError: with a sentence for each fault, the first twenty.
    """
    ways = (way_of(pair.plan()) for pair in pairs)
    faults = faults_of(way for way in ways if way is not None)
    said = [fault.sentence for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        said.append(f"and {len(faults) - FAULTS_SHOWN} more like these")
    if said:
        raise ValueError(f"pairs: {'; '.join(said)}")


def _refuse_unread(key: str, value: str) -> None:
    """Refuse what is no chat's name, with what to give instead."""
    try:
        read_chat(value)
    except ValueError as exc:
        raise ValueError(f"{key} is {shown(value)}; {exc}") from None


def _take_topics(fields: dict[str, Any], *, source: int | None, target: int | None) -> None:
    """A link to a topic of a forum means that topic alone.

    Raises:
        ValueError: the pair says something else of it.
    """
    if target is not None:
        if fields.get("topic") not in (None, target):
            raise ValueError(
                f"target links to topic {target}, and topic is {shown(fields['topic'])}; leave one"
                " of them out"
            )
        fields["topic"] = target
    allow = fields.get("allow") or {}
    if source is not None and isinstance(allow, Mapping):
        if tuple(allow.get("topics") or (source,)) != (source,):
            raise ValueError(
                f"source links to topic {source}, and allow.topics names others; give the chat's"
                " own link or number as the source"
            )
        fields["allow"] = {**allow, "topics": (source,)}

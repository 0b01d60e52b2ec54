"""Drafts of messages, and events as their recipients count them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .feed import Event
from .records import Chat, Forward, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as its author hands it in."""

    text: str = ""
    sent_as: int | None = None
    entities: list[Any] = field(default_factory=list)
    media: Any = None
    action: Any = None
    reply_to: Message | None = None
    topic_id: int | None = None
    grouped_id: int | None = None
    forward: Forward | None = None
    silent: bool = False
    noforwards: bool = False
    invert_media: bool = False
    quote: Any = None
    further: Mapping[str, Any] = field(default_factory=dict)
    random_id: int | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as each account counts it: of a channel, one for all (key 0)."""

    chat: Chat
    events: dict[int, Event[Message]]
    message: Message | None = None  # what came or was edited

    def event_for(self, account_id: int) -> Event[Message] | None:
        """The event as ``account_id`` counts it; None when it is none of its business."""
        return self.events.get(0 if self.chat.is_channel else account_id)

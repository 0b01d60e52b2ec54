"""The pairs of a configuration: from where to where, what is let through, what is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .actors.handlers import TELEGRAM
from .actors.rules import Rules
from .config_secrets import Table

__all__ = [
    "FilterConfig",
    "PairConfig",
    "ReplaceConfig",
]

PeerName = Annotated[int | str, Field(union_mode="left_to_right")]


class FilterConfig(Table):
    """What a message must, or must not, have; every key that is given counts."""

    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = Field(default=(), description="regular expressions")
    senders: tuple[int, ...] = ()
    kinds: tuple[str, ...] = Field(default=(), description="text, photo, video, voice, ...")
    topics: tuple[int, ...] = Field(default=(), description="of a forum; 1 is General")


class ReplaceConfig(Table):
    """What is replaced in a text: ``{ find = "EUR", with = "euro" }``."""

    find: str = Field(min_length=1)
    words: str = Field(alias="with")
    regex: bool = False


class PairConfig(Table):
    """One way from a source chat to a target chat.

    A chat is a ``@username`` or the number that Telegram's clients show (``-1001234567890``).
    With a ``handler`` of your own there is no target; ``options`` are handed to it.
    """

    id: int = Field(ge=1)
    session: str
    source: PeerName
    target: PeerName | None = None
    mode: Literal["forward", "copy"] = "forward"
    enabled: bool = True
    allow: FilterConfig = FilterConfig()
    deny: FilterConfig = FilterConfig()
    replace: tuple[ReplaceConfig, ...] = ()
    header: str = ""
    footer: str = ""
    edits: bool = Field(default=True, description="copies are edited as their source is")
    deletes: bool = Field(default=True, description="what is deleted at the source goes too")
    replies: bool = Field(default=True, description="answers stay answers, in copies")
    topic: int | None = Field(default=None, description="of the target, when it is a forum")
    topics: Mapping[str, int] = Field(default_factory=dict, description="source to target")
    handler: str = TELEGRAM
    options: Mapping[str, Any] = Field(default_factory=dict)

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
        if not all(re.fullmatch(r"[0-9]+", topic) for topic in self.topics):
            raise ValueError("topics are numbers: { 5 = 12 }")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        for key in ("source", "target"):
            value = getattr(self, key)
            if isinstance(value, str) and not re.fullmatch(r"@[A-Za-z][A-Za-z0-9_]{3,31}", value):
                raise ValueError(f"{key} is {value!r}; give a @username or a chat's number")
        if self.source == self.target:
            raise ValueError("source and target are the same chat; a pair would feed itself")
        return self

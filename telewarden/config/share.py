"""The tables of shared sessions: which programs there are, and what each may do."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, model_validator

from .secrets import Place, Table

Pattern = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]*\.([a-z][A-Za-z0-9]*|\*)$")]
SessionName = Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,64}|\*)$")]


class ProgramConfig(Table):
    """A program that uses sessions through their owner.

    Args:
        name: what it calls itself.
        sessions: which it may use; ``*`` is for all.
        read_only: whether it may only look.
        methods: Telegram's methods that it may call, as ``messages.sendMessage`` or
            ``messages.*``; every one, if none is given.
        rate_share: of the account's pace for messages, what it gets at most.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    sessions: tuple[SessionName, ...] = Field(min_length=1, description='"*": all of them')
    read_only: bool = True
    methods: tuple[Pattern, ...] = Field(
        default=(), description='as "messages.sendMessage" or "messages.*"; none: all'
    )
    rate_share: float = Field(
        default=1.0, gt=0, le=1, description="of the account's pace for messages"
    )


class ShareConfig(Table):
    """Sessions for other programs of this user, over a Unix socket; without it there are none."""

    programs: tuple[ProgramConfig, ...] = ()
    socket: Place | None = Field(default=None, description="default: share.sock in the folder")
    queue: int = Field(
        default=1000, ge=1, le=100_000, description="updates that are kept for a slow program"
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name, count in Counter(one.name for one in self.programs).items():
            if count > 1:
                raise ValueError(f"programs: name {name!r} is given {count} times; give each once")
        return self

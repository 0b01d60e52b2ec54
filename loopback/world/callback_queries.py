"""Pressed buttons that a bot has yet to answer. None survives a restart, nor needs to."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..rpc import LateAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackQuery:
    """A pressed button: the bot that is asked, and who waits for the answer."""

    id: int
    bot_id: int
    answer: LateAnswer = field(default_factory=LateAnswer)

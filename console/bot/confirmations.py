"""Confirmation of dangerous commands by button: single use, expiring, for who was asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GOOD_FOR: Final = 120.0  # seconds
OPEN_AT_ONCE: Final = 100  # questions; past that the oldest is as good as expired

YES, NO = "yes:", "no:"
"""What the data of the two buttons begins with; the question's token follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command that waits for its confirmation."""

    user: int
    command: str
    given: Mapping[str, Any] = field(repr=False)
    text: str
    until: float


class Confirmations:
    """The questions that are open.

    Args:
        token: makes a fresh text that cannot be guessed, of 40 characters at most.
    """

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._open: dict[str, Question] = {}

    def ask(
        self, user: int, command: str, given: Mapping[str, Any], *, text: str, now: float
    ) -> str:
        """Open a question and return its token."""
        token, until = self._token(), now + GOOD_FOR
        self._open[token] = Question(
            user=user, command=command, given=given, text=text, until=until
        )
        while len(self._open) > OPEN_AT_ONCE:
            del self._open[next(iter(self._open))]
        return token

    def take(self, token: str, user: int, *, now: float) -> Question | None:
        """Close a question and return it; ``None`` if it is closed, expired or another's."""
        question = self._open.get(token)
        if question is None or question.user != user:
            return None
        del self._open[token]
        return question if now < question.until else None

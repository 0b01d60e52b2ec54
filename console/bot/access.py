"""Access to the admin bot: who may give which commands, and which strangers are noted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..commands.model import Danger

NOTED_AGAIN: Final = 3600.0  # seconds until the same stranger is noted once more
STRANGERS_KEPT: Final = 1000  # past that the one who was noted first is forgotten


class Role(StrEnum):
    """What a person on the list may do."""

    OPERATOR = "operator"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """One person on the list, by Telegram's number; ``alerts`` says that alerts are sent there.

    Explanations and advice are told in ``language``.
    """

    user: int
    role: Role
    alerts: bool = False
    language: str = "en"

    def may(self, danger: Danger) -> bool:
        """Whether this role gives commands that do so much."""
        return self.role is Role.OPERATOR or danger is Danger.LOOKS


class AllowList:
    """The people on the list as it is now; all others are strangers, answered with silence."""

    def __init__(self, allowed: Callable[[], Iterable[Allowed]]) -> None:
        self._allowed = allowed
        self._noted: dict[int, float] = {}

    def find(self, user: int) -> Allowed | None:
        """Who that is; ``None`` for a stranger."""
        return next((one for one in self._allowed() if one.user == user), None)

    def notes_stranger(self, user: int, *, now: float) -> bool:
        """Whether a stranger's word is to be noted now: once an hour."""
        noted = self._noted.get(user)
        if noted is not None and now - noted < NOTED_AGAIN:
            return False
        self._noted.pop(user, None)  # the longest ago first
        self._noted[user] = now
        while len(self._noted) > STRANGERS_KEPT:
            del self._noted[next(iter(self._noted))]
        return True

"""Refusals of a kind that nobody knows yet: ten in a row are the pair's trouble, not the messages'.

Pure. What one message gets by itself, another kind or a success ends the row. After a pause one
more of the same kind is enough, so that a pair which goes on by itself costs no further message.
"""

from __future__ import annotations

from typing import Final

from ..telegram import Action, ErrorClass, Verdict

IN_A_ROW: Final = 10
UNKNOWN: Final = (
    "Telegram refuses one message after another with it, and it is not known here; look it up, or"
    " report it. The first ones are dead letters, the others wait: resume the pair, then retry"
    " those."
)


class Refusals:
    """The unknown refusals that one pair has met in a row."""

    __slots__ = ("_count", "_name")

    def __init__(self) -> None:
        self._name, self._count = "", 0

    @property
    def met(self) -> bool:
        """Whether the last message was refused so."""
        return self._count > 0

    def note(self, verdict: Verdict) -> bool:
        """Note one that has cost a message; returns whether the row is full."""
        if not _unknown(verdict):
            self.clear()
            return False
        self._count = self._count + 1 if verdict.name == self._name else 1
        self._name = verdict.name
        return self._count >= IN_A_ROW

    def would_fill(self, verdict: Verdict) -> bool:
        """Whether one more of this kind makes the row full: the message is better kept."""
        again = _unknown(verdict) and verdict.name == self._name
        return again and self._count >= IN_A_ROW - 1

    def clear(self) -> None:
        """Something went, or was refused for a reason that is known."""
        self._name, self._count = "", 0


def reason_of(verdict: Verdict) -> str:
    """Why a pair pauses over such a row."""
    return f"{verdict.name}: {UNKNOWN}"


def _unknown(verdict: Verdict) -> bool:
    return verdict.kind is ErrorClass.BUG and verdict.action is Action.DEAD_LETTER

"""Layer drift: what Telegram sends that the installed Telethon has no class for.

One cause for all sessions of a process: named once, whichever of them meets it, and counted.
"""

from __future__ import annotations

import logging
from typing import Final

from ..telegram import DRIFT, LayerDrifted

logger = logging.getLogger(__name__)

KNOWN: Final = 1_000  # constructors that are told apart; Telegram has some two thousand


class LayerDrift:
    """What could not be read, by all sessions of one process together."""

    __slots__ = ("_constructors", "count")

    def __init__(self) -> None:
        self._constructors: set[int] = set()
        self.count = 0

    def note(self, constructor: int, *, session: str, at: float) -> LayerDrifted:
        """Count one; returns the event, whose ``first`` says that it names the cause."""
        first = not self._constructors
        fresh = constructor not in self._constructors
        self.count += 1
        if fresh and len(self._constructors) < KNOWN:
            self._constructors.add(constructor)
        if first:
            logger.error(
                "layer drift constructor=%08x first_seen_by=%s; %s %s",
                constructor,
                session,
                DRIFT.explanation,
                DRIFT.advice,
            )
        elif fresh:
            logger.info("layer drift constructor=%08x session=%s", constructor, session)
        return LayerDrifted(
            session=session,
            at=at,
            constructor=f"{constructor:08x}",
            first=first,
            explanation=DRIFT.explanation,
            advice=DRIFT.advice,
        )

"""A cached snapshot of the warden, shared by requests of about the same time.

Ten open pages and a scrape cost the actors one question. When nobody answers, the last look is
shown, with its age and what went wrong, so that the page works while the tree is being mended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pykka

from ..errors import TelewardenError
from ..telegram.reports import Overview
from .panel import Panel

FRESH: Final = 0.5  # seconds that a look is shared; a page asks once a second
PATIENCE: Final = 4.0  # seconds; a group that does not answer costs the monitor 2

NOTHING: Final = Overview(sessions=(), groups=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A look; ``age`` in seconds, ``problem`` empty if the newest question was answered."""

    overview: Overview
    age: float
    problem: str = ""


class Look:
    """Asks the panel, but not more often than need be."""

    def __init__(self, panel: Panel, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._panel, self._clock = panel, clock
        self._lock = asyncio.Lock()
        self._overview, self._problem = NOTHING, ""
        self._seen_at = self._asked_at = float("-inf")

    async def now(self) -> Seen:
        """The newest look, at most ``FRESH`` seconds old if the warden answers."""
        async with self._lock:
            if self._clock() - self._asked_at >= FRESH:
                await self._ask()
        age = self._clock() - self._seen_at if self._overview is not NOTHING else 0.0
        return Seen(overview=self._overview, age=max(0.0, age), problem=self._problem)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._overview = await self._panel.overview()
        except (TelewardenError, pykka.ActorDeadError) as exc:
            self._problem = str(exc)
        except TimeoutError:
            self._problem = f"the health monitor did not answer within {PATIENCE:g} s"
        else:
            self._problem, self._seen_at = "", self._clock()
        self._asked_at = self._clock()

"""Log lines for what begins to wait for long, and for what waits no more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from ..supervision import LineLimit
from ..telegram import Wait

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())  # a thousand sessions may wait for the same thing

LONG: Final = 30.0  # seconds; who reads history or waits for his turn does so all the time


class WaitLog:
    """Compares each look with the one before.

    Args:
        wall: reads the clock in epoch seconds.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._told: dict[tuple[str, str, float], Wait] = {}

    def see(self, waits: Iterable[Wait]) -> None:
        """Write what is new among those that wait for long, and what is over."""
        now = self._wall()
        long = [one for one in waits if one.alarming or now - one.since >= LONG]
        found = {(one.who, one.kind.value, one.since): one for one in long}
        for key, wait in found.items():
            if key not in self._told:
                _write(wait)
        for key, wait in self._told.items():
            if key not in found:
                logger.info("waits no more who=%s kind=%s", wait.who, wait.kind)
        self._told = found


def _write(wait: Wait) -> None:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wait.since))
    logger.warning("waits who=%s kind=%s since=%s for=%s", wait.who, wait.kind, since, wait.what)

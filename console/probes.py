"""What probes of a service manager are told: alive, started, ready.

A process is ready that can work: its tree runs, its store can be written, and enough sessions are
online. That one account of many is banned is the business of alerts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..metrics import AT_REST
from ..telegram import Health, Phase
from ..telegram.reports import Overview, Wait, WaitKind
from .look import Look
from .panel import Panel
from .state import waits_in_words

SESSIONS: Final = "sessions/"  # where each session has its place in the tree


class Probes:
    """Answers probes.

    Args:
        panel: the warden's handles.
        look: looks at it.
        wall: reads the clock in epoch seconds.
    """

    def __init__(self, panel: Panel, look: Look, wall: Callable[[], float]) -> None:
        self._panel, self._look, self._wall = panel, look, wall

    async def healthz(self, _: Request) -> Response:
        """Alive: it answers."""
        return PlainTextResponse("ok\n")

    async def startupz(self, _: Request) -> Response:
        """Started: every session has reported once; it stays so."""
        await self._look.now()
        return _told(*self._panel.started())

    async def readyz(self, _: Request) -> Response:
        """Ready: the tree runs, the store can be written, enough sessions are online."""
        seen = await self._look.now()
        started, sentence = self._panel.started()
        if started and not seen.problem:
            ready, sentence = enough(seen.overview, self._panel.ready_share, self._panel.ready()[1])
        else:
            ready, sentence = False, seen.problem or sentence
        return _told(ready, sentence, *waits_in_words(seen.overview.waits, now=self._wall()))


def enough(overview: Overview, share: float, sentence: str) -> tuple[bool, str]:
    """Whether a warden can work, and why not.

    Args:
        overview: how everybody is, and what waits.
        share: of the sessions that should work that have to; from 0 to 1.
        sentence: how sessions are, in words.
    """
    down = [one for one in overview.waits if _takes_all_along(one)]
    if down:
        return False, "; ".join(f"{one.who} waits ({one.kind}): {one.what}" for one in down)
    wanted = [one for one in overview.sessions if one.phase not in AT_REST]
    online = sum(one.phase is Phase.ONLINE and one.health is Health.HEALTHY for one in wanted)
    if online < share * len(wanted):
        return False, sentence
    if online < len(wanted):
        return True, f"{sentence}; {share:.0%} are enough"
    return True, f"{online} of {len(wanted)} sessions online"


def _takes_all_along(wait: Wait) -> bool:
    """Whether nothing works without it: the disk, and parts that are no single session's."""
    if wait.kind is WaitKind.QUARANTINE:
        return not wait.who.startswith((SESSIONS, "session "))
    return wait.kind is WaitKind.DISK


def _told(good: bool, *lines: str) -> Response:
    return PlainTextResponse("\n".join(lines) + "\n", status_code=200 if good else 503)

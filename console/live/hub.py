"""The look that all open pages share, once a second while there are any.

Owns when it is looked and who is told. Without a page nothing is asked and no timer runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import pykka

from ...errors import TelewardenError
from ...metrics import Day
from ...notify import Standing
from ...supervision import Snapshot
from ...telegram.reports import Overview
from ..panel import Panel
from ..words import Words
from .channel import Channel
from .picture import encoded
from .rows import Sight

EVERY: Final = 1.0  # seconds between two looks
TREE_EVERY: Final = 5.0  # seconds between two looks at the tree while nothing happens in it
PATIENCE: Final = 4.0  # seconds; the monitor answers from memory
ALERTS_WITHIN: Final = 0.2  # seconds; so does the notifier, and a look does without it

NO_SIGHT: Final = Sight(
    at=0.0,
    overview=Overview(sessions=(), groups=()),
    tree=None,
    alerts=Standing(firing=(), silences=(), channels=(), webhooks=()),
    floods=(),
    operations=(),
    facts=(),
    ready=(False, ""),
    problem="",
    counters={},
)


class Hub:
    """Looks at the warden for all open pages.

    Args:
        panel: the warden's handles.
        wall: reads the clock in epoch seconds.
        monotonic: reads a clock that never goes backwards, in seconds.
        every: seconds between two looks.
    """

    def __init__(
        self,
        panel: Panel,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        every: float = EVERY,
    ) -> None:
        self._panel, self._wall, self._monotonic, self._every = panel, wall, monotonic, every
        self._channels: dict[str, Channel] = {}
        self._lock = asyncio.Lock()
        self._looked, self._sight = float("-inf"), NO_SIGHT
        self._tree_looked, self._tree_fact = float("-inf"), -1
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[Standing] | None = None
        self._minute: int | None = None

    @property
    def day(self) -> Day:
        """What is kept for charts."""
        return self._panel.exporter.day

    async def state(self, language: str) -> bytes:
        """The whole state as it is now."""
        channel = self._channel(language)
        channel.see(await self._look())
        return channel.whole()

    async def stream(
        self, language: str, place: str, may_go_on: Callable[[], bool]
    ) -> AsyncGenerator[bytes, None]:
        """The changes from a place on, until the page goes."""
        channel = self._channel(language)
        channel.pages += 1
        try:
            channel.see(await self._look())
            if self._looking is None:
                self._minute = self.day.closed
                self._looking = asyncio.create_task(self._keep_looking(), name="live page")
            async with contextlib.aclosing(channel.frames(place, may_go_on)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            channel.pages -= 1

    async def close(self) -> None:
        """End all streams and look no more."""
        for channel in self._channels.values():
            channel.close()
        tasks = list[asyncio.Task[Any]]()
        tasks += (one for one in (self._looking, self._asking) if one is not None)
        self._looking = self._asking = None
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _channel(self, language: str) -> Channel:
        return self._channels.setdefault(language, Channel(Words(language)))

    async def _keep_looking(self) -> None:
        while followed := [one for one in self._channels.values() if one.pages]:
            sight = await self._look()
            for channel in followed:
                channel.see(sight)
            self._tell_minute()
            await asyncio.sleep(self._every)
        self._looking = None

    def _tell_minute(self) -> None:
        """Give every page the charts' newest point, once."""
        day = self.day
        if day.closed == self._minute:
            return
        self._minute = day.closed
        for channel in self._channels.values():
            channel.tell("minute", encoded(day.newest())[1:-1])

    async def _look(self) -> Sight:
        """The newest sight; those who ask at about the same time share it."""
        async with self._lock:
            if self._monotonic() - self._looked >= self._every / 2:
                self._sight = await self._take()
                self._looked = self._monotonic()
        return self._sight

    async def _take(self) -> Sight:
        panel, before = self._panel, self._sight
        overview, tree, problem = before.overview, before.tree, ""
        try:
            async with asyncio.timeout(PATIENCE):
                overview = await panel.known()
            tree = self._tree()
        except (TelewardenError, pykka.ActorDeadError) as exc:
            problem = str(exc)
        except TimeoutError:
            problem = f"the health monitor did not answer within {PATIENCE:g} s"
        exporter = panel.exporter
        return Sight(
            at=self._wall(),
            overview=overview,
            tree=tree,
            alerts=await self._standing(),
            floods=exporter.floods(),
            operations=panel.running_operations(),
            facts=exporter.feed.newest(),
            ready=panel.ready(),
            problem=problem,
            counters=exporter.counters(),
        )

    async def _standing(self) -> Standing:
        """What is firing; a notifier that does not answer holds no look up."""
        if self._asking is None:
            asking = self._panel.alerts.standing()
            self._asking = asyncio.create_task(asking, name="alerts of the live page")
        task = self._asking
        await asyncio.wait({task}, timeout=ALERTS_WITHIN)
        if not task.done():
            return self._sight.alerts
        self._asking = None
        try:
            return task.result()
        except (TelewardenError, pykka.ActorDeadError, asyncio.CancelledError):
            return self._sight.alerts

    def _tree(self) -> Snapshot | None:
        """The tree: at once when something has happened, else every few seconds."""
        facts = self._panel.exporter.feed.newest()
        fact = facts[0].number if facts else 0
        now = self._monotonic()
        if fact != self._tree_fact or now - self._tree_looked >= TREE_EVERY:
            self._tree_fact, self._tree_looked = fact, now
            return self._panel.snapshot()
        return self._sight.tree

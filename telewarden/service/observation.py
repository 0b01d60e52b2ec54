"""Observation of a running warden: how its sessions are, and whether they are ready.

Owns the last look and what a probe answers by it. How a session is is asked of the health monitor.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

import pykka

from ..actors import Board, OverviewAsked, WaitLedger, with_waits
from ..api.registry import Registry
from ..api.session import SessionHandle
from ..api.tree_access import TreeAccess
from ..config import Config
from ..errors import TelewardenError
from ..metrics import Exporter
from ..storage import Epoch
from ..supervision import Snapshot
from ..telegram import Overview, Phase, server_time_request
from .wait_log import WaitLog

T = TypeVar("T")

OBSERVE_EVERY: Final = 5.0  # seconds between two looks that keep the metrics' gauges fresh


class Observation:
    """The last look at a warden's sessions.

    Args:
        config: the configuration that is in force.
        board: where the registry shows its newest snapshot.
        registry: what is registered, and its figures.
        exporter: told of each look.
        waiting: what waits for what.
        access: the tree that runs.
        epoch: the count of time.
    """

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        board: Board,
        registry: Registry,
        exporter: Exporter,
        waiting: WaitLedger,
        access: TreeAccess,
        epoch: Epoch,
    ) -> None:
        self._config, self._board, self._registry = config, board, registry
        self._exporter, self._waiting, self._epoch = exporter, waiting, epoch
        self._access = access
        self._wait_log = WaitLog(wall=epoch.now)
        self._reported: frozenset[str] = frozenset()
        self._snapshot: Snapshot | None = None
        self._started = False

    def begin(self) -> None:
        """Forget what an earlier start has shown."""
        self._snapshot, self._started = None, False

    async def overview(self) -> Overview:
        """Ask every session how it is, and have the exporter know."""
        found = await self._access.ask("health", OverviewAsked())
        self._reported = frozenset(report.session for report in found.sessions)
        tree = self._access.running()
        self._snapshot = snapshot = tree.snapshot()
        known = self._board.current
        overview = self._judged(found)
        self._wait_log.see(overview.waits)
        await self._exporter.observe_async(
            overview,
            snapshot,
            loop_lag=tree.loop_lag,
            registry=self._registry.statistics(),
            registered=known.sessions if known.revision else None,
        )
        return overview

    async def known(self) -> Overview:
        """What everybody has told last; nobody but the health monitor is asked."""
        found = await self._access.ask("health", OverviewAsked(fresh=False))
        return self._judged(found)

    def _judged(self, found: Overview) -> Overview:
        """With everything that waits, and the health monitor's verdicts."""
        found = replace(found, verdicts=self._board.verdicts_by_subject)
        return with_waits(found, self._snapshot, self._waiting.now(), now=self._epoch.now())

    async def keep_looking(self) -> None:
        """Look every few seconds, so that gauges are fresh."""
        while True:
            with contextlib.suppress(TelewardenError, pykka.ActorDeadError):
                await self.overview()
            await asyncio.sleep(OBSERVE_EVERY)

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, as last reported, and a sentence."""
        all_there, sentence = self._all_reported()
        return self._exporter.ready() if all_there else (False, sentence)

    def started(self) -> tuple[bool, str]:
        """Whether every session has reported since the start, and a sentence; it stays so."""
        if not self._started:
            self._started, sentence = self._all_reported()
            if not self._started:
                return False, sentence
        return True, "started"

    def _all_reported(self) -> tuple[bool, str]:
        reported = len(self._reported)
        now = self._board.current
        expected = len(now.sessions if now.revision else self._config().sessions)
        return reported >= expected, f"{reported} of {expected} sessions have reported"


async def clock_skew(overview: Overview, session: Callable[[str], SessionHandle]) -> float | None:
    """Seconds that this clock is ahead of Telegram's, told by any session that is online."""
    for report in overview.sessions:
        if report.phase is Phase.ONLINE:
            with contextlib.suppress(Exception):  # then another one tells, or none
                sent = time.time()
                answer = await session(report.session).call(server_time_request())
                return (sent + time.time()) / 2 - float(answer.date.timestamp())
    return None

"""The hourly pruning sweep that bounds the database's size.

Owns when, and that nobody waits for it; what goes is ``pruning``'s to say. Each piece is a write of
the journal's like any other. After it the journal is left to the others for as long as it took.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from ..api.operations import Operations, noted
from ..config import Config
from ..errors import TelewardenError
from ..storage import RowsPruned, Store
from .paths import config_of
from .pruning import Sweep, sweeps_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_AFTER: Final = 60.0  # seconds; a start has more urgent things to write
EVERY: Final = 3_600.0  # seconds
REST: Final = 0.01  # seconds at least between two pieces


class StoreWork(Protocol):
    """Does some work in the running warden's database; returns when it is committed."""

    def __call__(self, work: Callable[[Store], T], /) -> Awaitable[T]: ...


class Retention:
    """Removes what is past its time from one warden's database.

    Args:
        config: how long what is kept.
        operations: where one that somebody asks for is an operation of the kind ``prune``.
        do: writes in the running warden's database.
        publish: is told what went.
        wall: epoch seconds.
        steady: seconds of a clock that nobody sets.
        sleep: waits for so many seconds.
        ahead: by how many seconds Telegram's time is ahead of ``wall``; ``None`` while untold.
            What is removed by the clock alone waits for that: the clock may be wrong by months.
    """

    def __init__(
        self,
        config: Config,
        operations: Operations,
        do: StoreWork,
        publish: Callable[[RowsPruned], object],
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        ahead: Callable[[], float | None] = lambda: 0.0,
    ) -> None:
        self._config, self._operations = config, operations
        self._do, self._publish = do, publish
        self._wall, self._steady, self._sleep = wall, steady, sleep
        self._ahead = ahead
        self._turn = asyncio.Lock()

    def change(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self._config = config_of(config)

    async def prune(self, *, who: str = "app") -> RowsPruned:
        """Remove what is past its time now; returns how many rows of which table went.

        Raises:
            StorageError: the disk refuses; what has gone so far is gone, the rest goes later.
            JournalUnavailableError: the journal does not answer; as above.
        """
        said = "removing what is past its time"
        async with noted(self._operations, "prune", description=said, who=who) as tracked:
            done = await self._prune()
            if tracked is not None:
                counts = ", ".join(f"{table}: {count}" for table, count in done.rows.items())
                await tracked.part(1, counts)
                await tracked.describe("what was past its time is removed")
            return done

    async def keep_pruning(self) -> None:
        """A little after the start and then every hour, until cancelled; failures are logged."""
        pause = FIRST_AFTER
        while True:
            await self._sleep(pause)
            pause = EVERY
            if self._ahead() is None:
                logger.debug("database not pruned why=no session has told Telegram's time yet")
                continue
            try:
                await self._prune()
            except TelewardenError as error:
                logger.error("database not pruned why=%s", error)

    async def _prune(self) -> RowsPruned:
        async with self._turn:
            now, began = self._wall() + min(0.0, self._ahead() or 0.0), self._steady()
            gone = {one.table: await self._carry_out(one) for one in sweeps_of(self._config, now)}
            done = RowsPruned(
                at=now,
                outbox=gone.get("outbox", 0),
                audit=gone.get("audit", 0),
                crashes=gone["crashes"],
                floods=gone["floods"],
                login_codes=gone["login_codes"],
                entities=gone["entities"],
                seconds=self._steady() - began,
            )
        self._tell(done)
        return done

    async def _carry_out(self, sweep: Sweep) -> int:
        began = self._steady()
        piece = await self._do(sweep.begin)
        removed = piece.removed
        while piece.next is not None:
            await self._sleep(max(REST, self._steady() - began))
            began = self._steady()
            piece = await self._do(piece.next)
            removed += piece.removed
        return removed

    def _tell(self, done: RowsPruned) -> None:
        gone = " ".join(f"{table}={count}" for table, count in done.rows.items() if count)
        if gone:
            logger.info("database pruned %s seconds=%.1f", gone, done.seconds)
        self._publish(done)

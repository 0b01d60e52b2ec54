"""Client of the actors behind the pair handles: registry, session, journal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import pykka

from ..actors import (
    BeginTransfer,
    FindChats,
    Journal,
    PairOrder,
    PairPlan,
    PairPlanAsked,
    PairPlansAsked,
    ReleasePair,
    ServeAgain,
)
from ..actors.messages import Located
from ..errors import TelewardenError, UnknownRecordError
from ..storage import Store
from ..supervision import Ask, ask_async
from .audit import Auditor
from .registry_client import RegistryClient, going_on

logger = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")

ORDER_WITHIN: Final = 30.0  # seconds
FOUND_WITHIN: Final = 15.0  # seconds; a pair is added within 30
TAKEN_IN_WITHIN: Final = 5.0  # seconds in which a worker group takes a pair in
LOOK_EVERY: Final = 0.02  # seconds


class PairsClient:
    """One warden's pairs as their handles see them.

    Args:
        registry: asks the registry.
        find: a session's actor, by name.
        journal: the one writer of the database.
    """

    def __init__(
        self,
        registry: RegistryClient,
        find: Callable[[str], Awaitable[pykka.ActorRef[Any]]],
        journal: Callable[[], Journal],
    ) -> None:
        self.registry, self._find, self._journal = registry, find, journal
        self.auditor = Auditor(lambda work: journal().post(work), registry.wall)

    async def plan(self, pair: int) -> PairPlan:
        """One pair; raises ``UnknownRecordError`` when there is none of that number."""
        return await self.registry.ask(PairPlanAsked(pair))

    async def plans(self, session: str | None = None) -> tuple[PairPlan, ...]:
        """All pairs, or a session's."""
        return await self.registry.ask(PairPlansAsked(session))

    async def stored(self, work: Callable[[Store], T]) -> T:
        """Read from the database."""
        return await self._journal().do(work, wait_for_disk=False)

    async def ask_session(self, name: str, message: Ask[R]) -> R:
        """Ask a session's actor."""
        with going_on(name):
            return await ask_async(await self._find(name), message, timeout=ORDER_WITHIN)

    async def find_chats(self, session: str, chats: tuple[int | str, ...]) -> Located:
        """Where chats are for a session's account; nothing, where it cannot be asked now."""
        try:
            find = FindChats(chats=chats)
            with going_on(session):
                return await ask_async(await self._find(session), find, timeout=FOUND_WITHIN)
        except TelewardenError as error:
            logger.info("chats not looked for session=%s error=%s", session, type(error).__name__)
            return Located(ids={}, problems={})

    async def order(self, pair: int, order: Ask[R]) -> R:
        """Give an order to the worker group that has the pair; one that just began is waited for.

        Raises:
            UnknownRecordError: there is no such pair, or its session has no group for it now.
        """
        until = time.monotonic() + TAKEN_IN_WITHIN
        while True:
            plan = await self.plan(pair)
            try:
                return await self.ask_session(plan.session, PairOrder(pair=pair, order=order))
            except UnknownRecordError:
                if time.monotonic() >= until:
                    raise
            await asyncio.sleep(LOOK_EVERY)

    @contextlib.asynccontextmanager
    async def let_go(
        self,
        pairs: frozenset[int],
        progress: Callable[[int], Awaitable[object]] | None = None,
        *,
        accept_doubt: bool = False,
    ) -> AsyncIterator[dict[int, BaseException]]:
        """Let pairs come to rest; yields why some would not. Who fails to change them keeps them.

        Args:
            pairs: their numbers.
            progress: called after each pair that has come to rest.
            accept_doubt: let them go also where it cannot be known what has arrived.
        """
        await self.registry.ask(BeginTransfer(pairs))
        problems: dict[int, BaseException] = {}

        async def one(pair: int) -> None:
            try:
                await self.order(pair, ReleasePair(pair, accept_doubt=accept_doubt))
            except Exception as error:  # noqa: BLE001 - it is told, whatever it is
                problems[pair] = error
            else:
                if progress is not None:
                    await progress(pair)

        try:
            await asyncio.gather(*map(one, sorted(pairs)))
            yield problems
        finally:
            # What was changed is not in transfer any more; what was not is served as before.
            await asyncio.shield(self.registry.ask(ServeAgain(pairs)))

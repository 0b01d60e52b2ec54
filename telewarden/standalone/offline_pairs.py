"""Changes of pairs while no warden runs.

What a pair is changes as in a running warden. Of the orders those can be carried out that concern
its rows alone; for the others somebody has to ask Telegram.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

import pykka

from ..actors import DropDead, PairPlan, PausePair, ReleasePair, ResumePair, RetryDead
from ..actors.forwarding.commands import settle_dead
from ..actors.forwarding.pause_reasons import hand_of, joined, lasting
from ..actors.forwarding.pausing import by_hand
from ..actors.journal import Journal
from ..actors.pair_handlers import TELEGRAM
from ..api.pairs import Pairs
from ..api.pairs_client import PairsClient
from ..api.reassign import Move
from ..api.registry_client import RegistryClient
from ..errors import NotRunningError, PairInDoubtError
from ..storage import Store
from ..supervision import Ask
from ..telegram import PairReport
from .offline_reports import offline_pairs

R = TypeVar("R")

ASKS_TELEGRAM: Final = "start it with telewarden run: this needs accounts that are online"
NEVER_RUN: Final = (
    "start it with telewarden run: the pair has never worked, and nothing of it is stored yet;"
    " to keep it from starting set enabled = false"
)


class OfflinePairsClient(PairsClient):
    """Where pairs are asked that no worker group has.

    Args:
        registry: asks the registry.
        journal: the one writer of the database.
    """

    def __init__(self, registry: RegistryClient, journal: Callable[[], Journal]) -> None:
        super().__init__(registry, _nobody, journal)

    async def order(self, pair: int, order: Ask[R]) -> R:
        """Carry an order out on what is stored.

        Raises:
            UnknownRecordError: there is no such pair.
            PairInDoubtError: messages of a pair that is to go may have arrived.
            NotRunningError: it needs a running warden.
        """
        plan = await self.plan(pair)
        return cast("R", await self.stored(lambda store: _carried_out(store, plan, order)))


def _carried_out(store: Store, plan: PairPlan, order: Ask[Any]) -> object:
    match order:
        case ReleasePair():
            return _released(store, plan, order)
        case RetryDead() | DropDead():
            return len(settle_dead(store, order))
        case PausePair():
            return _paused(store, plan, by_hand(order))
        case ResumePair():
            return _paused(store, plan, None)
        case _:
            raise NotRunningError("the warden", ASKS_TELEGRAM)


def _released(store: Store, plan: PairPlan, order: ReleasePair) -> PairPlan:
    doubtful = [message for _, message in store.possible_versions((plan.id,))]
    if doubtful and plan.handler == TELEGRAM and not order.accept_doubt:
        raise PairInDoubtError(plan.id, plan.session, len(doubtful))
    return plan


def _paused(store: Store, plan: PairPlan, reason: str | None) -> PairReport:
    """As in a worker group, what only a plan or an answer can settle stays a reason besides."""
    record = store.pair(plan.id)
    if record is None:
        raise NotRunningError("the warden", NEVER_RUN)
    before = record.paused_reason
    kept = lasting(before) if reason is not None or hand_of(before) else ""
    store.put_pair(replace(record, paused_reason=joined(reason or "", kept) or None))
    return offline_pairs(store, (plan,))[0]


class OfflinePairs(Pairs):
    """The pairs while no warden runs. Made by ``OfflineWarden.pairs``."""

    async def reassign(self, *_: Any, **__: Any) -> Move:
        """Refuse to move pairs: Telegram alone tells who may serve them, and what has arrived.

        Raises:
            NotRunningError: always.
        """
        raise NotRunningError("the warden", ASKS_TELEGRAM)


async def _nobody(_: str) -> pykka.ActorRef[Any]:
    raise NotRunningError("the warden", ASKS_TELEGRAM)

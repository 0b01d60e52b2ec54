"""A worker group's handling of commands on one pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import BackfillRunningError, UnknownRecordError
from ...storage import Backfill as BackfillRow
from ...storage import Store
from ...supervision import Answer
from ...telegram import PairReport
from .chats import ChatResolver
from .context import GroupContext
from .group_pairs import GroupPairs
from .history import HistoryReader
from .messages import (
    Backfill,
    ConfirmPair,
    DoubtAsked,
    DropDead,
    PairCommand,
    PausePair,
    ReleasePair,
    ResumePair,
    RetryDead,
)
from .pair.state import PairState
from .pausing import PairPausing


class Commands:
    """Carries out orders for the pairs of one group."""

    def __init__(
        self,
        context: GroupContext,
        group_pairs: GroupPairs,
        history: HistoryReader,
        pausing: PairPausing,
        chats: ChatResolver,
    ) -> None:
        self._context, self._group_pairs = context, group_pairs
        self._history, self._pausing, self._chats = history, pausing, chats

    def carry_out(
        self, order: PairCommand[Any]
    ) -> PairReport | Answer | tuple[int, int] | int | None:
        """Do it; what has to wait for the disk is answered later.

        Raises:
            UnknownRecordError: the pair is not here.
        """
        state = self._context.pairs.get(order.pair)
        if state is None:
            raise UnknownRecordError("pair", order.pair)
        match order:
            case ConfirmPair():
                return self._chats.confirm(state, order)
            case PausePair():
                self._pausing.pause_by_hand(state, order)
            case ResumePair():
                state.trust()
                self._chats.ask_again(state)
                self._pausing.resume_by_hand(state)
            case Backfill():
                if state.backfill is not None:
                    raise BackfillRunningError(order.pair, state.backfill.until)
                return self._backfill(state, order)
            case RetryDead() | DropDead():
                return self._with_dead(order)
            case ReleasePair():
                return self._group_pairs.let_go(state, order)
            case DoubtAsked():
                return 0 if self._context.online else state.in_doubt
        self._group_pairs.report()  # who watches sees at once what was ordered
        return state.report()

    def _backfill(self, state: PairState, order: Backfill) -> Answer:
        answer, pair = Answer(), order.pair
        row = BackfillRow(pair, order.after, state.seen or 0, since=order.since)
        state.read_past(row)
        writing = self._context.services.journal.do_in_order(lambda store: store.put_backfill(row))

        def noted(_: object) -> None:
            state = self._context.pairs.get(pair)
            if state is None:
                answer.fail(UnknownRecordError("pair", pair))
            else:
                self._history.fill(state)
                answer.set(state.report())

        self._context.actor.pipe(writing, then=noted)  # no restart forgets it
        return answer

    def _with_dead(self, order: RetryDead | DropDead) -> Answer:
        answer, pair, again = Answer(), order.pair, isinstance(order, RetryDead)

        def work(store: Store) -> tuple[tuple[int, ...], Mapping[tuple[int, int], frozenset[int]]]:
            return settle_dead(store, order), store.possible_versions((pair,))

        def done(settled: tuple[tuple[int, ...], Mapping[tuple[int, int], frozenset[int]]]) -> None:
            state, (ids, says) = self._context.pairs.get(pair), settled
            if state is not None:
                state.count(dead=-len(ids))
                if ids and again:
                    state.doubts.recall({one: says.get((pair, one), frozenset()) for one in ids})
                    state.owe(ids)
                    self._history.catch_up([state])
                self._group_pairs.report()
            answer.set(len(ids))

        self._context.actor.pipe(self._context.services.journal.do_in_order(work), then=done)
        return answer


def settle_dead(store: Store, order: RetryDead | DropDead) -> tuple[int, ...]:
    """Put dead letters back on their way, or forget them: these, or all; returns which."""
    action = Store.retry if isinstance(order, RetryDead) else Store.drop
    dead = (row.source_id for row in store.dead((order.pair,)))
    wanted = [one for one in dead if not order.source_ids or one in order.source_ids]
    return tuple(one for one in wanted if action(store, order.pair, one))

"""A worker group's handling of commands on one pair."""

from __future__ import annotations

from ...errors import BackfillRunningError, UnknownRecordError
from ...storage import Backfill as BackfillRow
from ...storage import Store
from ...supervision import Answer
from ...telegram import PairReport
from .chats import ChatResolver
from .context import GroupContext
from .group_pairs import GroupPairs
from .history import HistoryReader
from .internal import BackfillNoted, OrderDone
from .messages import (
    Backfill,
    ConfirmPair,
    DoubtAsked,
    DropDead,
    PausePair,
    ReleasePair,
    ResumePair,
    RetryDead,
)
from .pair import PairState
from .pausing import PairPausing, by_hand

Order = (
    ConfirmPair
    | DoubtAsked
    | PausePair
    | ResumePair
    | Backfill
    | RetryDead
    | DropDead
    | ReleasePair
)


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

    def carry_out(self, order: Order) -> PairReport | Answer | tuple[int, int] | int | None:
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
                self._pausing.pause(state, by_hand(order))
            case ResumePair():
                state.pauses = 0
                self._pausing.resume(state)
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
        return state.report()

    def _backfill(self, state: PairState, order: Backfill) -> Answer:
        answer, pair = Answer(), order.pair
        state.backfill = row = BackfillRow(pair, order.after, state.seen or 0, since=order.since)
        writing = self._context.services.journal.do_in_order(lambda store: store.put_backfill(row))
        self._context.actor.pipe(writing, done=lambda _: BackfillNoted(pair, answer))
        return answer

    def backfill_noted(self, message: BackfillNoted) -> None:
        """It is on the disk: no restart forgets it."""
        state = self._context.pairs.get(message.pair)
        if state is None:
            message.answer.fail(UnknownRecordError("pair", message.pair))
        else:
            self._history.fill(state)
            message.answer.set(state.report())

    def _with_dead(self, order: RetryDead | DropDead) -> Answer:
        answer, pair, again = Answer(), order.pair, isinstance(order, RetryDead)

        def work(store: Store) -> OrderDone:
            ids = settle_dead(store, order)
            return OrderDone(answer, pair, len(ids), ids if again else ())

        self._context.actor.pipe(
            self._context.services.journal.do_in_order(work), done=lambda replied: replied
        )
        return answer

    def replied(self, message: OrderDone) -> None:
        """Dead letters were put back on their way, or dropped, on the disk."""
        state = self._context.pairs.get(message.pair)
        if state is not None:
            state.dead = max(0, state.dead - message.count)
            if message.ids:
                state.owed.extend(message.ids)
                self._history.catch_up([state])
        message.answer.set(message.count)


def settle_dead(store: Store, order: RetryDead | DropDead) -> tuple[int, ...]:
    """Put dead letters back on their way, or forget them: these, or all; returns which."""
    action = Store.retry if isinstance(order, RetryDead) else Store.drop
    dead = (row.source_id for row in store.dead((order.pair,)))
    wanted = [one for one in dead if not order.source_ids or one in order.source_ids]
    return tuple(one for one in wanted if action(store, order.pair, one))

"""Reconciliation of sent messages with their source after a gap.

Telegram tells an edit or a deletion once. After every gap the newest hundred messages of a pair
are looked at again. Where Telegram will not tell what changed meanwhile (a start, a difference
that is too long) the older ones follow, page by page, as far back as ``LOOK_BACK``, so slowly
that a group asks for one page a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from ...storage import Store
from ..messages import History, HistoryRead, Missed
from .changes import CopyChanges
from .context import GroupContext, pause_of
from .delivery import Delivery
from .outbox import OutboxWriter
from .pair.batching import Change
from .pair.comparison import NOTED, PAGE
from .pair.state import PairState

LOOK_EVERY: Final = 1.0  # seconds between two pages of one group


class Reconciler:
    """Compares for the pairs of one group.

    Args:
        context: what the group's parts share.
        outbox: the group's writes.
        delivery: makes the changes.
        changes: keeps the books on them.
        go_on: called with a pair whose comparison failed and may be tried again, if it can be now.
    """

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        delivery: Delivery,
        changes: CopyChanges,
        go_on: Callable[[PairState], None],
    ) -> None:
        self._context, self._outbox = context, outbox
        self._delivery, self._changes, self._go_on = delivery, changes, go_on

    def missed(self, message: Missed) -> None:
        """Telegram will not tell what changed here."""
        for state in self._context.pairs.values():
            if message.chat in {None, state.source}:
                state.comparison.want(older=True)
                state.read_again()

    def begin(self, state: PairState) -> None:
        """Look at the newest messages; first at those whose edits were noted and not made."""
        comparison = state.comparison
        if not comparison.may_begin(self._context.now()):
            return
        for gone in comparison.begin():
            state.queue.put_change(Change(gone))
        self._delivery.send_next(state)
        if not (state.plan.deletes or (state.plan.edits and state.plan.copies)):
            comparison.end()
        elif edits := comparison.take_edits():  # the newest come when these are known
            self._ask(state, dict.fromkeys(edits, NOTED))
        else:
            self._page(state)

    def _look_back(self, state: PairState, round_: int, below: int) -> None:
        """Time for the next older page, unless a look at the newest has begun anew."""
        if state.comparison.round == round_ and not state.comparison.due:
            self._page(state, below=below)

    def _page(self, state: PairState, below: int | None = None) -> None:
        pair, number = state.plan.id, state.comparison.next_page(newest=below is None)

        def work(store: Store) -> Mapping[int, int]:
            # An edit that is just being made may be older than what the source says by now.
            said = store.versions(pair, PAGE, below).items()
            return {one: NOTED if version is None else version for one, version in said}

        self._outbox.ask(state, work, lambda state, said: self._compare(state, said, number))

    def _compare(self, state: PairState, versions: Mapping[int, int], round_: int) -> None:
        """The disk says what these messages said when they were sent."""
        if not state.comparison.takes(round_):
            return
        if versions:
            self._ask(state, versions)
        else:
            state.comparison.reached_end()

    def _ask(self, state: PairState, versions: Mapping[int, int]) -> None:
        if state.source is None:
            return
        question = History(
            pair=state.plan.id,
            chat=state.source,
            ids=tuple(sorted(versions)),
            purpose="compare",
            reply_to=self._context.actor.actor_ref,
        )
        state.comparison.ask(question, versions)
        self._context.tell_session(question)

    def taken(self, state: PairState, message: HistoryRead) -> None:
        """Telegram says what they say now."""
        comparison = state.comparison
        if message.verdict is not None:
            wait = max(pause_of(comparison.failed()), message.verdict.wait or 0.0)
            comparison.wait(self._context.now() + wait)
            # Nobody else comes by: a look at a history is one pair's for all of its source.
            self._context.after(wait, state, self._go_on)
            return
        versions = comparison.answered()
        self._changes.compared(state, versions, message.messages)
        state.tidy()
        if comparison.due:
            self.begin(state)
        elif comparison.goes_on(versions):
            pairs = self._context.pairs.values()
            pause = LOOK_EVERY * sum(one.comparison.older_due for one in pairs)
            older = partial(self._look_back, round_=comparison.round, below=min(versions))
            self._context.after(pause, state, older)
        else:
            comparison.reached_end()

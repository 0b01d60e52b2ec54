"""Reconciliation of sent messages with their source after a gap.

Telegram tells an edit or a deletion once. After every gap the newest hundred messages of a pair
are looked at again. Where Telegram will not tell what changed meanwhile (a start, a difference
that is too long) the older ones follow, page by page, as far back as ``LOOK_BACK``, so slowly
that a group asks for one page a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...storage import Store
from ..messages import History, HistoryRead, Missed
from .batching import Change
from .context import GroupContext, pause_of
from .delivery import Delivery
from .internal import Compare, CompareOlder
from .outbox import OutboxWriter
from .pair import NOTED, PairState

PAGE: Final = 100  # messages; what Telegram gives for one question
LOOK_BACK: Final = 1000  # of the newest messages of a pair; what is older is not looked at again
LOOK_EVERY: Final = 1.0  # seconds between two pages of one group


class Reconciler:
    """Compares for the pairs of one group."""

    def __init__(self, context: GroupContext, outbox: OutboxWriter, delivery: Delivery) -> None:
        self._context, self._outbox, self._delivery = context, outbox, delivery

    def missed(self, message: Missed) -> None:
        """Telegram will not tell what changed here."""
        for state in self._context.pairs.values():
            if message.chat in {None, state.source}:
                state.compare = state.deep = True
                state.read_again()

    def begin(self, state: PairState) -> None:
        """Look at the newest messages; first at those whose edits were noted and not made."""
        if state.comparing is not None or self._context.now() < state.compare_at:
            return
        changes, state.changes, state.compared = state.changes, [], 0
        for change in changes:
            if change.change == "delete":
                state.put_change(Change(change.source_id))
        self._delivery.send_next(state)
        if not (state.plan.deletes or (state.plan.edits and state.plan.copies)):
            state.compare = state.deep = False
            return
        edited = [change for change in changes if change.change == "edit"]
        state.changes = edited[PAGE:]
        if edited:  # the newest come when these are known
            self._ask(state, {one.source_id: NOTED for one in edited[:PAGE]})
        else:
            state.compare = False
            self._page(state)

    def look_back(self, message: CompareOlder) -> None:
        """Time for the next older page, unless a look at the newest has begun anew."""
        state = self._context.pairs.get(message.pair)
        if state is not None and state.round == message.round and not state.compare:
            self._page(state, below=message.below)

    def _page(self, state: PairState, below: int | None = None) -> None:
        state.round += below is None
        pair, number = state.plan.id, state.round

        def work(store: Store) -> Compare:
            # An edit that is just being made may be older than what the source says by now.
            said = store.versions(pair, PAGE, below).items()
            versions = {one: NOTED if version is None else version for one, version in said}
            return Compare(pair, versions, round=number)

        self._outbox.ask(work)

    def compare(self, message: Compare) -> None:
        """The disk says what these messages said when they were sent."""
        state = self._context.pairs.get(message.pair)
        if state is None or state.comparing is not None or state.round != message.round:
            return
        if message.versions:
            self._ask(state, message.versions)
        else:
            state.deep = False

    def _ask(self, state: PairState, versions: Mapping[int, int]) -> None:
        if state.source is None:
            return
        state.versions = dict(versions)
        state.comparing = History(
            pair=state.plan.id,
            chat=state.source,
            ids=tuple(sorted(versions)),
            purpose="compare",
            reply_to=self._context.actor.actor_ref,
        )
        self._context.tell_session(state.comparing)

    def taken(self, state: PairState, message: HistoryRead) -> None:
        """Telegram says what they say now."""
        if message.verdict is not None:
            state.give_up_comparing()  # the next look at the history does it
            state.miscompared += 1
            wait = max(pause_of(state.miscompared), message.verdict.wait or 0.0)
            state.compare_at = self._context.now() + wait
            return
        state.miscompared = 0
        versions, state.versions, state.comparing = state.versions, {}, None
        self._delivery.compared(state, versions, message.messages)
        state.tidy()
        state.compared += len(versions)
        if state.compare:
            self.begin(state)
        elif state.deep and len(versions) == PAGE and state.compared < LOOK_BACK:
            pause = LOOK_EVERY * sum(one.deep for one in self._context.pairs.values())
            again = CompareOlder(pair=state.plan.id, below=min(versions), round=state.round)
            self._context.actor.after(pause, again)
        else:
            state.deep = False

"""A worker group's edits and deletions of copies: noted on the disk, then made, then ticked off.

Whatever is noted and not ticked off is looked at again after the next gap. Leaves the making to
``delivery``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ...storage import Store
from ...telegram import UNREADABLE, CopyChanged, CopyShortened, Incoming, content_hash
from .context import GroupContext
from .outbox import OutboxWriter
from .pair.batching import Change
from .pair.comparison import UNKNOWN
from .pair.state import PairState

logger = logging.getLogger(__name__)


class CopyChanges:
    """Keeps the books on changes of copies for the pairs of one group.

    Args:
        context: what the group's parts share.
        outbox: the group's writes.
        send_next: called with a pair in whose queue a change has been put.
        go_on: called with a pair for which something is to be compared.
    """

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        send_next: Callable[[PairState], None],
        go_on: Callable[[PairState], None],
    ) -> None:
        self._context, self._outbox = context, outbox
        self._send_next, self._go_on = send_next, go_on
        self._refused: dict[tuple[int, int], int] = {}
        """How often in a row an edit may not have been made yet, by pair and message."""

    # Noted

    def want_edits(self, state: PairState, messages: Mapping[int, Incoming]) -> None:
        """Have the copies of these messages edited."""
        pair, asked = state.plan.id, tuple(messages)
        versions = {one: content_hash(message) for one, message in messages.items()}

        def work(store: Store) -> Sequence[Change]:
            wanted = (one for one in versions if store.mark_edit_pending(pair, one, versions[one]))
            return tuple(Change(one, messages[one]) for one in wanted)

        self._note(state, asked, work)

    def want_removals(self, state: PairState, source_ids: Sequence[int]) -> None:
        """Have the copies of these messages deleted."""
        pair, asked = state.plan.id, tuple(source_ids)

        def work(store: Store) -> Sequence[Change]:
            found = store.mark_removal_pending((pair,), asked)
            return tuple(Change(one.source_id) for one in found)

        self._note(state, asked, work)

    def _note(
        self,
        state: PairState,
        asked: tuple[int, ...],
        work: Callable[[Store], Sequence[Change]],
    ) -> None:
        """Let the disk say which changes are to be made, and queue them."""

        def noted(state: PairState, changes: Sequence[Change]) -> None:
            state.queue.noted(asked)
            for change in changes:
                state.queue.put_change(change)
            self._send_next(state)

        state.queue.ask_for(asked)
        self._outbox.ask(state, work, noted)

    # Found out

    def orphan(self, state: PairState, source_id: int, target_id: int, *, gone: bool) -> None:
        """A message had arrived unseen; if it is gone at the source, its copy goes too."""
        state.sure(source_id)
        state.note_target(source_id, target_id, newest=False)  # others are looked for behind it
        pair, now, asked = state.plan.id, self._context.services.stamp(), (source_id,)
        deletes = gone and state.plan.deletes

        def work(store: Store) -> Sequence[Change]:
            store.complete(pair, source_id, target_id, now, newest=False)
            found = store.mark_removal_pending((pair,), asked) if deletes else ()
            return tuple(Change(one.source_id) for one in found)

        self._note(state, asked, work)

    def compared(
        self, state: PairState, versions: Mapping[int, int], now: Sequence[Incoming]
    ) -> None:
        """After a gap: what was sent is set beside the source as it is now."""
        found = {message.id: message for message in state.as_they_are(now)}
        gone = [source_id for source_id in versions if source_id not in found]
        if gone and state.plan.deletes:
            self.want_removals(state, gone)
        if state.plan.edits and state.plan.copies:
            changed = {
                one: found[one]
                for one, version in versions.items()
                if one in found
                and found[one].kind != UNREADABLE
                and version not in (UNKNOWN, content_hash(found[one]))
            }
            if changed:
                self.want_edits(state, changed)

    def reached_target(
        self,
        state: PairState,
        message: Incoming,
        target_id: int | None,
        now: float,
        *,
        outdated: bool,
    ) -> None:
        """Note a delivery, and that the copy is to be edited if the source was meanwhile."""
        pair, says = state.plan.id, content_hash(message)
        newest = state.revisions.newest(message) or message
        version, edits = content_hash(newest), state.plan.edits and state.plan.copies
        known = None if outdated else says  # it had arrived unseen, and says something earlier
        last = not state.doubts.sought  # whoever looks next must not begin behind what is sought

        def complete(store: Store) -> None:
            store.complete(pair, message.id, target_id, now, known, newest=last)

        if not edits or known == version:
            self._outbox.tick(complete)
            return
        asked = (message.id,)

        def work(store: Store) -> Sequence[Change]:
            complete(store)
            wanted = store.mark_edit_pending(pair, message.id, version)
            return (Change(message.id, newest),) if wanted else ()

        self._note(state, asked, work)

    # Made, or not

    def made(self, state: PairState, change: Change, *, cut: bool) -> None:
        """A change is made at the target."""
        self._refused.pop((state.plan.id, change.source_id), None)
        self._note_changed(state, change)
        self._context.publish(
            CopyChanged, state, source_id=change.source_id, gone=change.message is None
        )
        if cut:
            self._context.publish(CopyShortened, state, source_id=change.source_id)

    def unwanted(self, state: PairState, change: Change, message: Incoming) -> None:
        """An edit makes a message unwanted: its copy goes, or stays as it was."""
        state.queue.give_up((change,))
        if state.plan.unwanted == "delete":
            self.want_removals(state, [change.source_id])
        else:
            pair, version = state.plan.id, content_hash(message)
            self._outbox.tick(lambda store: store.record_edit(pair, change.source_id, version))

    def _note_changed(self, state: PairState, change: Change) -> None:
        pair, source_id, message = state.plan.id, change.source_id, change.message
        if message is None:
            self._outbox.tick(lambda store: store.record_removal(pair, (source_id,)))
        elif late := state.doubts.belated_for(source_id, self._context.now()):
            self._context.after(late, state, self._redo)  # it stays noted until then
        elif not state.queue.has_change(source_id):  # otherwise it stays noted for the next one
            state.doubts.settle_edit(source_id)
            version = content_hash(message)
            self._outbox.tick(lambda store: store.record_edit(pair, source_id, version))

    def _redo(self, state: PairState) -> None:
        """An older edit may have been carried out behind a newer one: see that this one stands."""
        due = state.doubts.take_belated(self._context.now())
        if again := [one for one in due if not state.queue.has_change(one)]:
            state.comparison.want_edits(again)
            state.comparison.want()
        self._go_on(state)

    def later(self, state: PairState, source_id: int, first: float, longest: float) -> None:
        """An edit may not be made for now: it stays noted, and is looked at again after a pause.

        Each refusal in a row makes the pause of that one message longer, by ``first`` seconds.
        """
        key = state.plan.id, source_id
        times = self._refused[key] = self._refused.get(key, 0) + 1
        pause = min(first * times, longest)
        self._context.after(pause, state, lambda state: self._look_again(state, source_id))

    def _look_again(self, state: PairState, source_id: int) -> None:
        if not state.queue.has_change(source_id):  # a newer one is on its way
            state.comparison.want_edits([source_id])
            state.comparison.want()
            self._go_on(state)

    def not_made(self, state: PairState, change: Change, reason: str) -> None:
        """A change is not tried again."""
        state.doubts.settle_edit(change.source_id)
        logger.warning(
            "change not made pair=%d message=%d reason=%s",
            state.plan.id,
            change.source_id,
            reason.partition(":")[0],
        )
        self._note_changed(state, change)

    def left_to_its_author(self, state: PairState, change: Change) -> None:
        """The copy is another account's, who had the pair before; it may have it again."""
        pair, source_id = state.plan.id, change.source_id
        logger.info("change left to another account pair=%d message=%d", pair, source_id)
        state.doubts.settle_edit(source_id)
        if not state.queue.has_change(source_id):
            self._outbox.tick(lambda store: store.record_change_refused(pair, source_id))

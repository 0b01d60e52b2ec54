"""A worker group's reading of history: from the mark to the outbox.

After any gap the source's history is read from the group's own mark; then ``reconcile`` looks at
what was sent before. The past is read page by page, no faster than it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ...storage import Backfill, Store
from ...telegram import (
    UNREADABLE,
    Action,
    BackfillProgress,
    CaughtUp,
    ErrorClass,
    Incoming,
    Verdict,
    origin_of,
    same_second,
    similarity,
)
from ..messages import History, HistoryRead
from .changes import CopyChanges
from .chats import ChatResolver
from .context import GroupContext, pause_of, why
from .delivery import GONE_BEFORE, TAKEN, Delivery
from .intake import Intake
from .outbox import UNREAD, Entries, OutboxWriter
from .pair.doubts import Orphan
from .pair.state import PairState
from .pair.state_table import Certainty, Reading
from .pausing import PairPausing
from .reconcile import Reconciler
from .shipping import LOOKS
from .source_looks import SourceLooks

OWED_AT_ONCE: Final = 100  # messages; what Telegram gives for one question
PAGES: Final = 10  # of the target; what stands further behind is not looked for
IN_TARGET: Final = ("orphans", "gone")  # what is looked for there: messages, messages that are gone
ASKS: Final = (Reading.BEHIND, Reading.LIVE)  # in these a pair may ask what it has missed
FILL_BELOW: Final = 100  # messages that wait; then the next page of the past is read


class HistoryReader:
    """Reads for the pairs of one group."""

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        intake: Intake,
        delivery: Delivery,
        pausing: PairPausing,
        changes: CopyChanges,
        reconciler: Reconciler,
        chats: ChatResolver,
    ) -> None:
        self._changes, self._intake = changes, intake
        self._context, self._outbox, self._chats = context, outbox, chats
        self._delivery, self._pausing, self._reconciler = delivery, pausing, reconciler
        self.looks: SourceLooks = SourceLooks(context, self._look, self.catch_up)

    # Since the mark

    def catch_up(self, states: Iterable[PairState], *, read: bool = False) -> None:
        """Read what was said since the mark; a pair without one starts with what comes now.

        What is ``read`` to its end lacks only copies of messages that are gone, and may go there.
        """
        if not self._context.online:
            return
        for state in states:
            if state.source is not None and state.reading in ASKS:
                question = self._next_question(state, state.source, read=read)
                state.ask(question)
                self._context.tell_session(question)

    def _look(self, state: PairState) -> None:
        """Read what was said since the mark, though nothing is known to be missed."""
        if self._context.online and state.source is not None:
            question = self._next_question(state, state.source, read=False)
            if question.purpose == "missed":
                question = replace(question, purpose="look")
            state.ask(question)
            self._context.tell_session(question)

    def _next_question(self, state: PairState, source: int, *, read: bool) -> History:
        if state.target and (after := state.doubts.behind(gone=False)) is not None:
            return self._where(state, state.target, "orphans", after)
        # What is gone has no order to keep; and as long as not all is known that is there, the
        # forward of another message of the same second looks like one of it.
        if read and state.target and (after := state.doubts.behind(gone=True)) is not None:
            return self._where(state, state.target, "gone", after)
        if state.owed:
            return self._question(state, source, "owed", ids=tuple(state.owed[:OWED_AT_ONCE]))
        if state.seen is None:
            before = self._added_at(state)
            return self._question(state, source, "mark", newest_only=True, before=before)
        return self._question(state, source, "missed", after=state.seen)

    def _where(self, state: PairState, target: int, purpose: str, after: int) -> History:
        # A pair that is not known to have put anything there has done so just now.
        return self._question(state, target, purpose, after=after, last_page=not after)

    def _added_at(self, state: PairState) -> float | None:
        """When a pair was added while the warden ran, by Telegram's clock."""
        at, ahead = state.plan.added_at, self._context.services.epoch.ahead
        return None if at is None or ahead is None else at + ahead

    def _question(self, state: PairState, source: int, purpose: str, **fields: Any) -> History:
        return History(
            pair=state.plan.id,
            chat=source,
            reply_to=self._context.actor.actor_ref,
            purpose=purpose,
            **fields,
        )

    def history_read(self, message: HistoryRead) -> None:
        """Telegram's answer, or why there is none."""
        state = self._context.pairs.get(message.pair)
        if state is None:
            return
        if message.request is state.question:
            self._take(state, message)
        elif message.request is state.comparison.question:
            self._reconciler.taken(state, message)
        elif message.request is state.filling:
            self._past_taken(state, message)

    def _take(self, state: PairState, message: HistoryRead) -> None:
        verdict, purpose = message.verdict, message.request.purpose
        if verdict is not None and not (purpose in IN_TARGET and verdict.kind is ErrorClass.PAIR):
            state.answered()
            self._failed(state, verdict)
            return
        if verdict is not None and self._looks_later(state, verdict):
            return
        state.read_well()
        if purpose in IN_TARGET:
            self._known_there(state, message)  # the answer is whole when the disk has told, too
            return
        state.answered()
        match purpose:
            case "owed":
                self._owed_found(state, message)
            case "mark":
                self._start_mark(state, message.request, message.newest)
            case _:
                self._missed_found(state, message)

    def _failed(self, state: PairState, verdict: Verdict) -> None:
        if verdict.action is Action.RESOLVE_PEER and not state.sought:
            self._chats.seek(state)  # it pauses the pair if the chat is not there to be found
        elif verdict.kind is ErrorClass.PAIR:
            state.give_up_seeking()
            self._pausing.pause(state, why(verdict))
        else:
            self._read_later(state, verdict.wait or 0.0)

    def _looks_later(self, state: PairState, verdict: Verdict) -> bool:
        """The target cannot be read. Who may write there may read, too, so that it mostly passes.

        Else it would be taken for empty, and what stands there be sent again or left as it is.
        """
        times = state.read_badly()
        if times > LOOKS:
            return False
        state.answered()
        if verdict.action is Action.RESOLVE_PEER and not state.sought:
            self._chats.seek(state)
        elif self._context.online:
            self._context.set_pair_timer(pause_of(times), state, self.read_again)
        return True

    def _read_later(self, state: PairState, wait: float = 0.0) -> None:
        """Ask again, after a pause that grows with every time in a row."""
        pause = max(pause_of(state.read_badly()), wait)
        if self._context.online:
            self._context.set_pair_timer(pause, state, self.read_again)

    def _owed_found(self, state: PairState, message: HistoryRead) -> None:
        """Messages that an earlier run wrote down and may not have sent: they go first."""
        found = {one.id: one for one in state.as_they_are(message.messages)}
        look = state.doubts.has_foreign(message.request.ids) and bool(state.target)
        handed = []
        for source_id in message.request.ids:
            if before := state.doubts.handed(source_id):
                handed.append(source_id)
                state.queue.enqueue((before,))
            elif source_id in found and found[source_id].kind == UNREADABLE:
                self._delivery.put_aside(state, source_id, UNREAD)
            elif state.doubts.is_unwanted(source_id) and state.target:
                state.orphan(source_id, unwanted=source_id in found)
            elif source_id in found and look:
                state.orphan(source_id, found[source_id])  # all of them: order is kept
            elif source_id in found:
                state.queue.enqueue((found[source_id],))
            elif state.doubts.says(source_id) and state.target:
                state.orphan(source_id)
            else:
                self._delivery.put_aside(state, source_id, GONE_BEFORE)
        state.read_owed(len(message.request.ids))
        self._follow_handed(state, handed, found)
        self.catch_up([state])

    def _follow_handed(
        self, state: PairState, handed: Sequence[int], found: Mapping[int, Incoming]
    ) -> None:
        """What became of messages that were handed over follows when it is known that they are."""
        for one in handed:
            if one in found:
                state.revisions.edited(found[one])
        self._delivery.deleted(state, [one for one in handed if one not in found])

    def _known_there(self, state: PairState, message: HistoryRead) -> None:
        """Find out which of the messages in the target are known to be of other messages."""
        pair = state.plan.id

        def known(state: PairState, taken: frozenset[int]) -> None:
            if state.question is message.request:
                state.answered()
                self._orphans_found(state, message, taken.union(self._context.taken(state)))

        self._outbox.ask(state, lambda store: frozenset(store.copies_at_target(pair, TAKEN)), known)

    def _orphans_found(
        self, state: PairState, message: HistoryRead, others: frozenset[int]
    ) -> None:
        doubts = state.doubts
        newest, strays = max((one.id for one in message.messages), default=0), []
        there, later = [one for one in message.messages if one.id not in others], False
        for source_id, orphan in doubts.take_orphans(gone=message.request.purpose == "gone"):
            sought = orphan.message is None or doubts.has_foreign((source_id,))
            found = _copy_of(state, source_id, orphan, there) if sought else None
            further = message.more and orphan.pages < PAGES
            if found is None and further and (sought or later):  # all of them: in order
                later = True
                after, pages = max(orphan.after, newest), orphan.pages + 1
                doubts.seek_further(source_id, replace(orphan, after=after, pages=pages))
                continue
            doubts.looked_for(source_id)
            if found is not None:
                gone = orphan.message is None and not (orphan.unwanted and _stays(state))
                self._changes.orphan(state, source_id, found.id, gone=gone)
                there.remove(found)
            elif orphan.message is not None:
                state.queue.enqueue((orphan.message,))
                self._delivery.bring_up_to_date(state, [orphan.message])
            elif orphan.sought and orphan.unwanted:
                self._delivery.filter_out(state, [source_id])
            elif orphan.sought:
                self._delivery.put_aside(state, source_id, GONE_BEFORE)
            else:
                # Where it may be there and is not known from another yet, it is looked for anew.
                after = max(orphan.after, newest) if state.plan.copies else orphan.after
                doubts.stray(source_id, replace(orphan, after=after, sought=True, pages=1))
                strays.append(source_id)
        if strays:
            late = self._context.services.settings.late_within
            self._context.after(late, state, partial(self._seek_again, source_ids=strays))
        self.catch_up([state])

    def _seek_again(self, state: PairState, source_ids: Sequence[int]) -> None:
        """Messages that were not there may have arrived since, by a line that was lost before."""
        state.doubts.seek_again(source_ids)
        self.catch_up([state])

    def _start_mark(self, state: PairState, request: History, newest: int) -> None:
        """A new pair starts with what is said from now on, which may be held back already.

        One that was added while the warden ran starts with what was said since, told or not.
        """
        since = request.before is not None
        pair, chat, mark = state.plan.id, request.chat, state.start_mark(newest, since=since)
        self._context.services.journal.post(lambda store: store.advance_mark(pair, chat, mark))
        if state.take_overflow() or since:
            self.catch_up([state])
        else:
            self._go_live(state)

    def _missed_found(self, state: PairState, message: HistoryRead) -> None:
        held = state.held_back()
        fresh = state.admit(message.messages)
        if message.request.purpose == "look":
            self.looks.looked(state, fresh, held)
        if fresh and not message.more:
            state.albums.touch(fresh[-1], self._context.now())  # it may just be being posted
        self._intake.accept(state, fresh)
        if fresh:
            self._context.publish(CaughtUp, state, missed=len(fresh))
        if message.more and not fresh:
            self._read_later(state)  # there is more, and it does not come
        elif state.take_overflow() or message.more:
            self.catch_up([state])
        else:
            self._go_live(state)

    def _go_live(self, state: PairState) -> None:
        if state.owed or state.doubts.orphans:  # they have come meanwhile, and go first
            self.catch_up([state], read=not state.owed)
            return
        if state.paused is not None:
            return  # by what was just read
        state.caught_up()
        self._intake.accept(state, state.admit(state.release()))
        state.tidy()
        self._delivery.send_next(state)
        self.go_on(state)

    def go_on(self, state: PairState) -> None:
        """Do what has waited for deliveries: what may have arrived is compared when it is known."""
        known = state.standing.certainty is Certainty.CERTAIN
        if state.comparison.due and known and state.reading is Reading.LIVE:
            self._reconciler.begin(state)
        self.fill(state)
        self._chats.follow(state)

    # The past

    def read_again(self, state: PairState) -> None:
        """Read what was missed, and what is left of the past."""
        self.catch_up([state])
        self.fill(state)

    def fill(self, state: PairState) -> None:
        """Read the next page of the past, when there is room for it."""
        row = state.backfill
        if (
            row is None
            or state.filling is not None
            or state.paused is not None
            or state.source is None
            or state.seen is None
            or not self._context.online
            or len(state.queue) >= FILL_BELOW
        ):
            return
        state.read_past(row := replace(row, until=row.until or state.seen))
        purpose, newest_only = ("past", False) if row.since is None else ("since", True)
        question = self._question(
            state,
            state.source,
            purpose,
            after=0 if newest_only else row.after,
            newest_only=newest_only,
            before=row.since,
        )
        state.ask_past(question)
        self._context.tell_session(question)

    def _past_taken(self, state: PairState, message: HistoryRead) -> None:
        row = state.backfill
        if message.verdict is not None:
            state.past_answered()
            self._failed(state, message.verdict)
        elif row is not None and message.request.purpose == "since":
            state.past_answered()
            state.read_past(found := replace(row, after=message.newest, since=None))
            self._context.services.journal.post(lambda store: store.put_backfill(found))
            self.fill(state)
        elif row is not None:
            self._keep_page(state, row, message)

    def _keep_page(self, state: PairState, row: Backfill, message: HistoryRead) -> None:
        pair = state.plan.id
        page = tuple(one for one in message.messages if one.id <= row.until)
        done = not message.more or len(page) < len(message.messages)
        last = max((one.id for one in page), default=row.until)
        entries = self._outbox.entries(state, state.as_they_are(page))
        ids = tuple(one.id for one in entries.messages)
        if entries.left:
            last, done = min(entries.left) - 1, False

        def work(store: Store) -> tuple[Backfill, Entries]:
            fresh = entries.without(store.handled(pair, [one.source_id for one in entries.rows]))
            fresh.write(store, pair)
            now = replace(row, after=last, found=row.found + len(fresh.messages))
            if done:
                store.end_backfill(pair)
            else:
                store.put_backfill(now)
            return now, fresh

        def filled(state: PairState, read: tuple[Backfill, Entries]) -> None:
            if state.backfill is not None:
                self._filled(state, ids, *read, done=done)

        self._outbox.ask(state, work, filled)
        self._pausing.look_at_patterns(state)

    def _filled(
        self, state: PairState, ids: Sequence[int], row: Backfill, fresh: Entries, *, done: bool
    ) -> None:
        """A page of the past (``ids``) is in the outbox, as far as it was not there before."""
        state.past_answered()
        state.read_past(None if done else row)
        state.stored(ids)
        self._delivery.enqueue(state, fresh.messages)
        self._outbox.tell_dead(state, fresh.dead)
        for known in ids:
            if not state.on_its_way(known):
                state.sure(known)
        self._context.publish(
            BackfillProgress,
            state,
            at_message=row.after,
            until=row.until,
            found=row.found,
            done=done,
        )
        self._delivery.send_next(state)
        self.fill(state)


def _stays(state: PairState) -> bool:
    """Whether what a pair has carried stays, though its filters would keep it out by now."""
    return not (state.plan.copies and state.plan.edits and state.plan.unwanted == "delete")


def _copy_of(
    state: PairState, source_id: int, orphan: Orphan, there: Sequence[Incoming]
) -> Incoming | None:
    """What an orphan became, if it is there: the first that fits best, as a pair sends in order.

    A forward of the same second that says something else is only taken for it if there is one, and
    nothing else of that second may have arrived.
    """
    place, forward = (state.source or 0, source_id), not state.plan.copies
    there = [one for one in there if one.id > orphan.after]
    fits = [similarity(one, of=place, says=orphan.says, forward=forward) for one in there]
    best = max(fits, default=0)
    alike = [one for one, fit in zip(there, fits, strict=True) if fit == best > 0]
    if forward and best == 1:
        others = state.doubts.said_of_others(source_id)
        if len(alike) > 1 or same_second(origin_of(alike[0]), others):
            return None
    return alike[0] if alike else None

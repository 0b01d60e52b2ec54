"""A worker group's chats: located once, checked again, followed when upgraded.

Which chat a pair works with is found once and stays, whoever has its name later; a name that means
another one pauses the pair until somebody says which is meant. A chat that Telegram does not take
by what is known of it is looked for anew, once. A basic group that was upgraded is followed into
its supergroup: the old one is read to its end first, then the new one from its start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ...errors import InvalidRecordError
from ...storage import Store
from ...telegram import ErrorClass, Verdict
from ...telegram.addressing.names import ME, same_chat, shown_chat
from ..messages import Locate, Located
from ..pair_graph import PAIR_FAULTS, way_of
from .context import GroupContext, pause_of, record_of, why
from .delivery import Delivery
from .messages import ConfirmPair
from .outbox import OutboxWriter
from .pair.chats import PairChats
from .pair.state import PairState
from .pair.state_table import Reading
from .pause_reasons import JOIN_REQUESTED, NOT_JOINED, OTHER_CHAT, other_of
from .pausing import PairPausing

if TYPE_CHECKING:
    from ...telegram import Access

logger = logging.getLogger(__name__)

LOCATE: Final = "locate"  # the timer after which chats are looked for again
SEEK_AFTER: Final = 1.0  # seconds; dialogs are read once for all pairs whose chats are not taken


class ChatResolver:
    """The chats of one group's pairs.

    Args:
        context: what the group's parts share.
        outbox, delivery, pausing: the group's other parts.
        catch_up: called with pairs whose chats were found.
    """

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        delivery: Delivery,
        pausing: PairPausing,
        catch_up: Callable[[list[PairState]], None],
    ) -> None:
        self._context, self._outbox, self._catch_up = context, outbox, catch_up
        self._delivery, self._pausing = delivery, pausing
        self._seeking: set[int] = set()
        self._requests: dict[int, str] = {}  # pairs whose chats' admins have been asked
        self._failures = 0

    # Looking for them

    def locate(self, states: Iterable[PairState] | None = None) -> None:
        """Let the session make sure that every chat can be addressed; it asks for unknown ones."""
        self._seeking.intersection_update(self._context.pairs)  # others have left meanwhile
        for pair in self._requests.keys() - self._context.pairs.keys():
            del self._requests[pair]
        wanted = tuple(self._context.pairs.values() if states is None else states)
        chats = dict.fromkeys(chat for state in wanted for chat in _addressed(state))
        if not chats or not self._context.online:
            return
        anew = {
            chat
            for state in wanted
            if self._seeks(state)
            for chat in state.chats.wanted(state.plan)
        }
        self._seeking.difference_update(state.plan.id for state in wanted)
        self._context.tell_session(
            Locate(
                chats=tuple(chats),
                names={
                    chat: name
                    for state in wanted
                    for chat, name in state.chats.names(state.plan).items()
                },
                anew=frozenset(anew),
                join=frozenset(self._joined_by(wanted)),
                reply_to=self._context.actor.actor_ref,
            )
        )

    def _joined_by(self, states: Iterable[PairState]) -> Iterator[int | str]:
        """The chats that may be joined; one whose admins were asked is not asked for again."""
        for state in states:
            if (reason := other_of(state.paused)).startswith(JOIN_REQUESTED):
                self._requests.setdefault(state.plan.id, reason)
            if state.plan.join and state.plan.id not in self._requests:
                yield from state.chats.wanted(state.plan)

    def ask_again(self, state: PairState) -> None:
        """Somebody wants the admins of a pair's chat to be asked once more."""
        self._requests.pop(state.plan.id, None)

    def seek(self, state: PairState) -> None:
        """Telegram does not take a chat by what is known of it: look for it anew, soon."""
        state.lose_chats()
        if not self._seeking:
            self._context.set_timer(SEEK_AFTER, LOCATE, self._locate_again)
        self._seeking.add(state.plan.id)

    def _locate_again(self) -> None:
        """Look for those that are not there yet."""
        wanted = self._context.pairs.values()
        self.locate([one for one in wanted if one.reading is Reading.LOCATING or self._seeks(one)])

    def _seeks(self, state: PairState) -> bool:
        return state.plan.id in self._seeking

    def located(self, message: Located) -> None:
        """Chats are known, or why they are not."""
        again: list[Verdict] = []
        for state in tuple(self._context.pairs.values()):
            problems, ids = _of_its_own(state, message)
            lost = next(iter(problems), None)
            if lost is None:
                self._found(state, ids)
            elif message.problems[lost].kind is ErrorClass.PAIR:
                self._pausing.pause(state, self._why_paused(state, lost, message))
            else:
                again.append(message.problems[lost])
        self._failures = self._failures + 1 if again else 0
        if again and self._context.online:
            wait = max(verdict.wait or 0.0 for verdict in again)
            pause = max(pause_of(self._failures), wait)
            self._context.set_timer(pause, LOCATE, self._locate_again)
        for chat, to in message.moved.items():
            self.upgraded(chat, to)

    def _why_paused(self, state: PairState, lost: int | str, message: Located) -> str:
        """Why a chat is not there; of one whose admins were asked, that this is waited for."""
        reason, asked = why_lost(lost, message), self._requests.get(state.plan.id)
        if reason.startswith(JOIN_REQUESTED):
            self._requests[state.plan.id] = reason
        elif asked is not None and reason.startswith(NOT_JOINED):
            return asked
        return reason

    def _found(self, state: PairState, ids: Mapping[int | str, int]) -> None:
        places = [{0: 0, **ids}.get(chat) for chat in (*state.chats.wanted(state.plan), 0)[:2]]
        source, target = places
        if source is None or target is None:
            return  # an answer to an older question, or to one for other pairs
        state.speak_as(None if state.plan.send_as is None else ids.get(state.plan.send_as))
        self._requests.pop(state.plan.id, None)
        chats = PairChats.found(state.plan, source, target)
        if chats != state.chats:
            self._other_way(state, source, target)
            state.move_to(chats)
            self._context.write_down(state)
        if not self._enter(state):
            return
        state.found()
        self._catch_up([state])
        self._delivery.send_next(state)

    def _enter(self, state: PairState) -> bool:
        """Have the pair among the ways of all sessions; what it would make wrong pauses it."""
        graph, plan = self._context.services.graph, state.plan
        for name, chat in ((plan.source, state.source), (plan.target, state.target)):
            if name != ME and chat:
                graph.names[same_chat(name)] = chat
        way = way_of(plan, names=graph.names, source=state.source, target=state.target)
        if way is None:
            graph.put(plan.id, None)
            return True
        fault = graph.enter(way)
        if fault is not None:
            self._pausing.pause(state, fault.reason)
        elif other_of(state.paused).startswith(PAIR_FAULTS):
            self._pausing.settle(state)
            return state.paused is None
        return fault is None

    def _other_way(self, state: PairState, source: int, target: int) -> None:
        """A number stands for one way; what was noted about another is not this one's."""
        pair, post = state.plan.id, self._context.services.journal.post
        known = state.chats.known
        if known is None or known == (source, target):
            return
        self._context.take_back(state)  # whatever comes of it, nothing more goes the old way
        self._delivery.bring_up_to_date(state, state.queue.end())
        if known[0] != source:
            state.reset_progress()
            post(lambda store: store.reset_progress(pair))
        elif known[1] != target:
            state.forget_targets()
            post(lambda store: store.forget_targets(pair))

    # Names that mean other chats

    def confirm(self, state: PairState, order: ConfirmPair) -> tuple[int, int] | None:
        """Go on with the chats that the pair's names mean now, or stay with those it has.

        Returns the latter, where they are known.

        Raises:
            InvalidRecordError: no name of the pair means another chat.
        """
        if not self._pausing.means_another_chat(state):
            raise InvalidRecordError(
                "pair", order.pair, f"one that is paused for {OTHER_CHAT}; resume lets others go on"
            )
        if order.take:
            state.move_to(replace(state.chats, named=("", "")))  # it is looked up
        if order.take or self._pausing.settled_by(state.plan, state):
            self._pausing.settle(state)
        return state.chats.known

    # Groups that are supergroups by now

    def rights_told(self, rights: Mapping[int, Access]) -> None:
        """A look at rights tells which basic groups have become supergroups."""
        for chat, right in rights.items():
            if right.moved is not None:
                self.upgraded(chat, right.moved)

    def upgraded(self, chat: int, to: int) -> None:
        """A basic group was upgraded: pairs that begin or end there follow it."""
        self._context.services.graph.upgrade(chat, to)
        states, at = tuple(self._context.pairs.values()), self._context.services.stamp()
        if any(one.plan.ring and chat in (one.source, one.target) for one in states):
            self._outbox.tick(lambda store: store.upgrade_in_ring(chat, to, at))
        for state in states:
            if state.target == chat and state.source is not None:
                self._follow_target(state, state.source, to)
            if state.source == chat and state.upgraded is None:
                state.upgrade(to)
                self._catch_up([state])  # to its end

    def _follow_target(self, state: PairState, source: int, to: int) -> None:
        logger.info(
            "pair follows its target pair=%d from=%s to=%d", state.plan.id, state.target, to
        )
        self._other_way(state, source, to)
        state.move_to(replace(state.chats, target=to, known=(source, to)))
        self._context.write_down(state)
        if self._pausing.may_pass(state):
            self._pausing.resume(state)
        else:
            self.locate([state])

    def follow(self, state: PairState) -> None:
        """Go over to the supergroup once all that was said in the basic group is done."""
        waits = (state.queue, state.coming, state.owed, state.comparison.changes)
        if state.upgraded is None or state.reading is not Reading.LIVE or any(waits):
            return
        if state.backfill is not None or state.queue.under_way is not None or state.doubts.orphans:
            return
        if state.target is None or state.leaving or state.queue.asked:
            return
        pair, to = state.plan.id, state.upgraded
        record = replace(record_of(state, to, state.target), paused_reason=None)

        def work(store: Store) -> bool:
            if store.pending((pair,)) or store.pending_changes((pair,)):
                return False  # accepted meanwhile: it goes first
            store.reset_progress(pair)
            store.advance_mark(pair, to, 0)
            store.put_pair(record)
            return True

        state.begin_migration()
        self._outbox.ask(state, work, partial(self._followed, to=to))

    def _followed(self, state: PairState, done: bool, *, to: int) -> None:
        """The disk has the pair begin at the start of its supergroup, or does not yet."""
        if state.upgraded != to:
            return
        if not done:
            state.defer_migration()
            pause = pause_of(state.read_badly())
            self._context.set_pair_timer(pause, state, self._context.read_again)
            return
        logger.info(
            "pair follows its source pair=%d from=%s to=%d", state.plan.id, state.source, to
        )
        state.migrated(to)
        self.locate([state])


def _addressed(state: PairState) -> tuple[int | str, ...]:
    """The peers that a pair's requests name."""
    chats, sender = state.chats.wanted(state.plan), state.plan.send_as
    return chats if sender is None else (*chats, sender)


def _of_its_own(
    state: PairState, message: Located
) -> tuple[dict[int | str, Verdict], dict[int | str, int]]:
    """What is wrong with a pair's chats, and where they are.

    That a chat's name means another one by now is nothing to a pair that knows it by its number.
    """
    names = state.chats.names(state.plan)
    problems = {
        chat: message.problems[chat] for chat in _addressed(state) if chat in message.problems
    }
    ids = dict(message.ids)
    for chat, verdict in tuple(problems.items()):
        if verdict.name == OTHER_CHAT and isinstance(chat, int) and chat not in names:
            del problems[chat]
            ids[chat] = chat
    return problems, ids


def why_lost(chat: int | str, message: Located) -> str:
    """Why a chat was not found, as one reason."""
    verdict = message.problems[chat]
    said = message.said.get(chat)
    return f"{shown_chat(chat)}: {why(verdict)}" if said is None else f"{verdict.name}: {said}"

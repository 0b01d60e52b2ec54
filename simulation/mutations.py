"""Faults that were mended once, made again while the simulator runs: does it find them?

Each takes one fix out of the running product, says what a script must be about to come upon it
soon, and in which words it must be found: a violation of another kind is not a find.
``python -m simulation mutations`` plays them; see ``proof``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from telethon._updates import GapError
from telethon._updates.messagebox import ENTRY_ACCOUNT, NO_SEQ
from telethon.tl import types

from telewarden.actors import pair_graph, rules
from telewarden.actors.forwarding import (
    changes,
    delivery,
    group_pairs,
    history,
    outbox,
    shipping,
)
from telewarden.actors.forwarding.pair import chats as pair_chats
from telewarden.actors.forwarding.pair import doubts, pair_queue, revisions
from telewarden.actors.forwarding.pair import state as pair_state
from telewarden.actors.session import reader, worker_groups
from telewarden.storage.tables.pairs import PairRows
from telewarden.storage.tables.rings import RingRows
from telewarden.telegram import Action, incoming
from telewarden.telegram.connecting import gateway
from telewarden.telegram.mtproto import difference, message_box
from telewarden.telegram.mtproto import updates as mtproto_updates
from telewarden.telegram.sending import delivery as sending_delivery
from telewarden.telegram.sending import request_builder, requests

__all__ = ["MUTATIONS", "Mutation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fix that is taken out.

    Args:
        take_out: does it, for as long as the process lives.
        about: the direction of the scripts that are played.
        found_as: what one of the violations must say.
    """

    take_out: Callable[[], None]
    about: str
    found_as: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is given on the command line."""
        return str(getattr(self.take_out, "__name__", ""))

    @property
    def what(self) -> str:
        """What is wrong then, in a sentence."""
        return (self.take_out.__doc__ or "").partition("\n")[0]


EDITS: Final = (types.UpdateEditMessage, types.UpdateEditChannelMessage)
MUTATIONS: Final[dict[str, Mutation]] = {}

Taken = Callable[[], None]


def found(*words: str, about: str) -> Callable[[Taken], Taken]:
    """Enter a mutation."""

    def enter(take_out: Taken) -> Taken:
        mutation = Mutation(take_out=take_out, about=about, found_as=words)
        MUTATIONS[mutation.name] = mutation
        return take_out

    return enter


# What the account does itself


@found("lost", "says", "deleted, its copy is not", about="chains")
def own_messages_unheard() -> None:
    """What the account does itself is not heard, as Telethon does by default."""
    mtproto_updates.UpdatesClient._on_answer = lambda *_: None  # type: ignore[method-assign]


# What is written when something crashes


@found("lost", about="kills")
def the_mark_is_written_before_the_rows() -> None:
    """What accepts messages is two commits, and a crash or a kill comes between them."""
    write, committed = outbox.Entries.write, outbox.OutboxWriter.committed
    later: list[tuple[Any, int]] = []

    def rows_later(self: Any, _: Any, pair: int) -> None:
        later.append((self, pair))

    def then(self: Any, *done: Any) -> None:
        mine, later[:] = list(later), ()
        if mine:
            self._context.services.journal.post(
                lambda store: [write(entries, store, pair) for entries, pair in mine]
            )
        committed(self, *done)

    outbox.Entries.write = rows_later  # type: ignore[method-assign]
    outbox.OutboxWriter.committed = then  # type: ignore[method-assign]


@found("lost", about="failing commits")
def a_mark_goes_past_a_commit_that_failed() -> None:
    """A group that ends leaves its marks with the journal, though the rows before have failed."""
    close = outbox.OutboxWriter.close

    def all_of_it(self: Any, **_: Any) -> None:
        close(self, failed=False)

    outbox.OutboxWriter.close = all_of_it  # type: ignore[method-assign]


@found("came from nowhere", about="answers lost")
def random_ids_are_drawn() -> None:
    """A copy's random id is another one at each try."""

    def drawn(pair: int, chat: int, source: int, *, part: int = 0) -> int:
        import os

        return int.from_bytes(os.urandom(7), "little")

    shipping.random_id_for = drawn  # type: ignore[assignment]


# What is told of a message on its way


@found("says", about="edits on the way")
def edits_of_what_waits_are_dropped() -> None:
    """What is told of a message that is held back, read or written does not change it."""
    revisions.Revisions.newest = lambda _, message: message  # type: ignore[method-assign]
    revisions.Revisions.knows = lambda *_: False  # type: ignore[method-assign]


@found("deleted, its copy is not", about="edits on the way")
def deletions_of_what_waits_are_dropped() -> None:
    """A message that is deleted before it was sent is sent."""
    revisions.Revisions.gone = lambda *_: None  # type: ignore[method-assign]


@found("says", "deleted, its copy is not", about="history late")
def history_is_taken_as_the_newest() -> None:
    """An answer with history, asked for before an edit was told, is taken as what is said now."""
    pair_state.PairState.as_they_are = lambda _, messages: tuple(messages)  # type: ignore[method-assign]
    delivery.Delivery.bring_up_to_date = lambda *_: None  # type: ignore[method-assign]


@found("says", about="answers lost")
def a_copy_found_is_never_outdated() -> None:
    """A copy whose answer was lost is taken to say what its source says by now."""
    find = sending_delivery._find

    async def found_(*args: Any) -> tuple[int | None, bool]:
        target, _ = await find(*args)
        return target, False

    sending_delivery._find = found_  # type: ignore[assignment]


@found("says", "deleted, its copy is not", about="answers lost")
def only_the_newest_text_is_looked_for() -> None:
    """Of a copy whose answer was lost it is not known what it may say besides its newest text."""
    pack = delivery.packed

    def forgetful(state: Any, *args: Any) -> Any:
        state.doubts._says = {one: frozenset() for one in state.doubts._says}
        return pack(state, *args)

    delivery.packed = forgetful  # type: ignore[assignment]


@found("says", about="late edits")
def older_edits_are_made_over_newer_ones() -> None:
    """An edit that is told after a newer one, whatever its number, is made over that one."""
    apply = message_box.Box.apply_pts_info

    def as_heard(self: Any, update: Any, **rest: Any) -> Any:
        told = apply(self, update, **rest)
        return update if isinstance(update, EDITS) else told

    message_box.Box.apply_pts_info = as_heard  # type: ignore[method-assign]
    revisions.is_older = lambda *_: False  # type: ignore[assignment]
    pair_queue.is_older = lambda *_: False  # type: ignore[assignment]


@found("UnboundLocalError", about="answers lost")
def an_outdated_copy_crashes_its_group() -> None:
    """A copy that had arrived unseen and is outdated ends its worker group."""
    arrived = changes.CopyChanges.arrived

    def crash(self: Any, *args: Any, outdated: bool) -> None:
        if outdated:
            raise UnboundLocalError("pair")
        arrived(self, *args, outdated=outdated)

    changes.CopyChanges.arrived = crash  # type: ignore[method-assign]


# What is asked for again and again


@found("called again and again", about="standing still")
def missed_updates_without_a_pause() -> None:
    """A difference that does not get on is asked for again at once."""
    difference.PATIENCE = (0.0,) * 5_000  # type: ignore[misc]


# Updates


@found("lost", "says", "deleted, its copy is not", about="numbered by seq")
def a_gap_of_seq_drops_what_it_holds() -> None:
    """A container whose ``seq`` leaves a gap is dropped, with the channels' updates in it."""
    process = message_box.Box.process_updates

    def by_seq(self: Any, updates: Any, hashes: Any, result: Any) -> Any:
        last = getattr(updates, "seq", None) or NO_SEQ
        first = getattr(updates, "seq_start", None) or last
        if first != NO_SEQ and first > self.seq + 1:
            self.try_begin_get_diff(ENTRY_ACCOUNT, "a gap of seq")
            raise GapError
        return process(self, updates, hashes, result)

    message_box.Box.process_updates = by_seq  # type: ignore[method-assign]


@found("lost", "deleted, its copy is not", "says", about="out of a chat")
def a_chat_returned_to_is_not_compared() -> None:
    """What is said, edited or deleted while the account is out of a chat is not looked for then."""
    mtproto_updates.UpdatesClient._note_returns = lambda *_: None  # type: ignore[method-assign]


# What copies are


@found("silent", about="dressed")
def silence_is_not_carried() -> None:
    """Copies and forwards make a noise where their source makes none."""
    for name in ("copy_request", "forward_request"):
        made = getattr(requests, name)

        def loud(*args: Any, made: Any = made, **kwargs: Any) -> Any:
            request = made(*args, **kwargs)
            request.silent = None
            return request

        setattr(request_builder, name, loud)


@found("answers nothing", about="dressed")
def answers_are_not_carried() -> None:
    """A copy of an answer answers nothing."""
    shipping._answers = lambda _: False


@found("answers 'm", about="dressed")
def answers_refer_to_another_message() -> None:
    """A copy that answers refers to the first message of the target."""
    make = requests._reply

    def reply(reply_to: int | None, topic: int | None, quote: Any) -> Any:
        return make(None if reply_to is None else max(1, reply_to - 1), topic, quote)

    requests._reply = reply  # type: ignore[assignment]


@found("its caption stands", about="dressed")
def captions_stand_below() -> None:
    """A caption above its picture is below that of the copy."""
    requests._above = lambda _: False  # type: ignore[assignment]


@found("stands in topic", about="topics")
def topics_are_not_told_apart() -> None:
    """Whatever its topic, a message goes into the one that its pair names for all others."""
    packed = delivery.packed

    def plain(state: Any, *args: Any) -> Any:
        shipment = packed(state, *args)
        return replace(shipment, topic=state.plan.topic)

    delivery.packed = plain  # type: ignore[assignment]


# Filters


@found("the filters keep it out", about="filters")
def filters_are_not_asked() -> None:
    """Everything is let through."""
    rules.Rules.lets_through = lambda *_: True  # type: ignore[method-assign]


@found("the filters keep it out", "lost", about="filters")
def filters_look_at_the_text_alone() -> None:
    """The addresses behind a message's words are not looked at."""
    incoming.besides = lambda *_: ()


@found("unwanted since an edit", about="filters")
def filters_are_asked_once() -> None:
    """A message that is edited while it waits is sent, whatever it says by then."""
    delivery.Delivery._kept_out = lambda *_: False  # type: ignore[method-assign]


@found("unwanted since an edit", about="filters")
def filters_are_not_asked_after_an_edit() -> None:
    """A copy stays whose message an edit makes unwanted."""
    rules.Rules.lets_stay = lambda *_: True  # type: ignore[method-assign]


# Whose a pair is


@found("a key was used twice", about="crashes")
def keys_are_used_twice() -> None:
    """Before a new client is opened, the one before is not closed."""

    async def leave_it(*_: Any, **__: Any) -> bool:
        return True

    gateway.Gateway._discard = leave_it  # type: ignore[method-assign]


@found("keeps the pause", about="paused moves")
def a_pair_that_moves_keeps_its_pause() -> None:
    """What paused a pair by its old account pauses it by the new one."""
    move = PairRows.move_pairs

    def with_pauses(self: Any, pair_ids: Any, session: str) -> None:
        before = self.pairs_with(list(pair_ids))
        move(self, pair_ids, session)
        for one in before:
            now = self.pair(one.id)
            self.put_pair(replace(now, enabled=one.enabled, paused_reason=one.paused_reason))

    PairRows.move_pairs = with_pauses  # type: ignore[method-assign]


@found("of a dead account cannot be moved", about="dead accounts")
def a_dead_account_keeps_its_pairs() -> None:
    """A pair whose account cannot be asked any more is not let go, whatever an operator accepts."""
    release = group_pairs.GroupPairs.release

    def never_in_doubt(self: Any, message: Any) -> None:
        release(self, replace(message, accept_doubt=False))

    group_pairs.GroupPairs.release = never_in_doubt  # type: ignore[method-assign]


@found("is kept down, and nobody is told", about="kept down")
def a_group_that_is_kept_down_is_not_told() -> None:
    """A worker group in quarantine does not show in how its session is."""
    worker_groups.WorkerGroups.kept_down_reason = ""  # type: ignore[assignment,method-assign]


# What is kept


@found("keeps says", about="edits on the way")
def what_was_on_its_way_is_kept() -> None:
    """What the copies of messages may say is kept when they have arrived, in memory, for ever."""

    def known(self: Any, source_id: int) -> None:
        self._doubtful.discard(source_id)
        self._weigh()

    doubts.Doubts.known = known  # type: ignore[method-assign]


# Chats that change


@found("lost", about="upgrades")
def an_upgraded_group_is_not_followed() -> None:
    """A pair of a basic group that became a supergroup is deaf."""

    async def none(*_: Any, **__: Any) -> dict[int, int]:
        return {}

    incoming._notice = lambda _: None
    reader.upgrades = none  # type: ignore[assignment]


@found("came from nowhere", about="names")
def a_name_is_whoever_has_it() -> None:
    """A pair reads from, or writes into, whichever chat has the name that it was given."""
    pair_chats.PairChats._kept = lambda _, __, planned: planned  # type: ignore[method-assign]


@found("called again and again", "no time passes", about="void")
def a_void_chat_is_read_again_at_once() -> None:
    """A history that is refused for a void access hash is asked for again without a pause."""
    failed = history.HistoryReader._failed

    def at_once(self: Any, state: Any, verdict: Any) -> None:
        if verdict.action is Action.RESOLVE_PEER:
            self.catch_up([state])
        else:
            failed(self, state, verdict)

    history.HistoryReader._failed = at_once  # type: ignore[method-assign]


# Pairs together


@found("carried by a pair that must not be", "called again and again", about="barred")
def pairs_are_looked_at_one_by_one() -> None:
    """A -> B and B -> A by two sessions run for ever; the same way by name and number doubles."""
    pair_graph.PairGraph._fault = lambda *_: None  # type: ignore[method-assign]


@found("goes round again", "called again and again", about="rings")
def a_ring_is_not_ended() -> None:
    """What a wanted ring has carried somewhere is carried on from there, round and round."""
    RingRows._verdict = lambda *_: "go"  # type: ignore[method-assign]


@found("lost", "never ready", about="moves")
def a_pair_let_go_of_is_not_given_back() -> None:
    """A group's word that it let a pair go is not followed by another look at who is to have it."""
    ready = worker_groups.WorkerGroups.ready

    def deaf(self: Any, message: Any) -> bool:
        known = self._groups.get(message.group)
        told = None if known is None else known.told
        if message.again and known is not None:
            known.has = frozenset()  # then nothing looks let go of
            ready(self, message)
            known.told = told
            return False
        return ready(self, message)

    worker_groups.WorkerGroups.ready = deaf  # type: ignore[method-assign]

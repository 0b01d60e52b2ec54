"""The shipment made of a pair's next items. Pure."""

from __future__ import annotations

from typing import Final

from ...telegram import Incoming, Shipment, ShipmentAction, content_hash, origin_of, random_id_for
from .pair.batching import Change, Item
from .pair.pair_queue import UnderWay
from .pair.state import PairState

LOOKS: Final = 5  # for what arrived unseen, in a target that cannot be read: half a minute
GENERAL: Final = 1  # the topic of every forum in which a message stands that names none


def needed(state: PairState, items: tuple[Item, ...]) -> list[int]:
    """Source messages whose copies must be known before these can be done."""
    first = items[0]
    if isinstance(first, Change):
        return [first.source_id]
    if first.reply_to is None or not _answers(state):
        return []
    return [first.reply_to]


def rounds(state: PairState, items: tuple[Item, ...]) -> dict[int, tuple[int, int]]:
    """Of messages that a pair of a ring would carry on, by what each is known; else nothing.

    One that was forwarded may be a forward of ours, which is known by its origin.
    """
    if not state.plan.ring or state.handler is not None:
        return {}
    return {
        one.id: (content_hash(one), origin_of(one) if one.forwarded else content_hash(one))
        for one in items
        if isinstance(one, Incoming)
    }


def not_let_through(state: PairState, items: tuple[Item, ...]) -> list[Incoming]:
    """Which of these the filters keep out as they are by now; an album is one message."""
    messages = [
        one for one in items if isinstance(one, Incoming) and not state.doubts.handed(one.id)
    ]
    if not messages or not state.rules.judges:
        return []
    if messages[0].grouped_id is not None:
        return [] if state.rules.lets_through(messages) else messages
    return [one for one in messages if not state.rules.lets_through((one,))]


def packed(state: PairState, target: int, under_way: UnderWay) -> Shipment:
    """The shipment that does what is under way; what is needed is known to ``state``."""
    first = under_way.items[0]
    if isinstance(first, Change):
        return _change(state, target, first, under_way)
    messages = tuple(item for item in under_way.items if isinstance(item, Incoming))
    copies = state.plan.copies
    answers = first.reply_to if _answers(state) else None
    return Shipment(
        action=_action(messages) if copies else "forward",
        target=target,
        messages=messages,
        random_ids=tuple(random_id_for(state.plan.id, one.chat, one.id) for one in messages),
        texts=under_way.texts,
        shorter=under_way.shorter,
        answers=None if answers is None else state.targets.get(answers),
        topic=state.plan.topics.get(first.topic or GENERAL, state.plan.topic),
        after=0 if state.doubts.is_retried(first.id) else state.last_target,
        max_stars=state.plan.max_stars,
        send_as=state.send_as,
        silent=state.plan.silent,
        others=under_way.others,
        patient=state.queue.attempts < LOOKS,
        earlier={one.id: said for one in messages if (said := state.doubts.says(one.id))},
    )


def _action(messages: tuple[Incoming, ...]) -> ShipmentAction:
    return "copies" if len(messages) > 1 and messages[0].grouped_id is None else "copy"


def _change(state: PairState, target: int, change: Change, under_way: UnderWay) -> Shipment:
    ids = (state.targets[change.source_id],)
    if change.message is None:
        return Shipment(action="delete", target=target, target_ids=ids)
    return Shipment(
        action="edit",
        target=target,
        messages=(change.message,),
        texts=under_way.texts,
        shorter=under_way.shorter,
        target_ids=ids,
    )


def _answers(state: PairState) -> bool:
    return state.plan.replies and state.plan.copies

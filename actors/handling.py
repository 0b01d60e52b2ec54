"""A pair's own handler at work: started by the worker group, answered as by a session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ..errors import HandlerRefusedError
from ..supervision import LoopActor
from ..telegram import (
    Action,
    ErrorClass,
    Incoming,
    Receipt,
    RichText,
    Verdict,
    random_id_for,
    version_of,
)
from .albums import Change, Item
from .handlers import Handed, PairHandler
from .messages import Delivered, Undelivered
from .pairstate import PairState

__all__ = ["hand_over"]


def hand_over(
    actor: LoopActor,
    state: PairState,
    ticket: int,
    items: tuple[Item, ...],
    texts: Mapping[int, RichText],
    *,
    deadline: float,
) -> None:
    """Let the pair's handler do ``items``; the answer comes as from a session."""
    assert state.handler is not None  # noqa: S101 - the caller looked
    pair, handed = state.plan.id, _handed(state, items, texts)
    actor.pipe(
        _within(state.handler, handed, deadline),
        done=lambda number: Delivered(
            pair=pair,
            ticket=ticket,
            receipt=Receipt(target_ids={one.id: number for one in handed.messages}),
        ),
        failed=lambda error: Undelivered(pair=pair, ticket=ticket, verdict=_verdict(error)),
    )


async def _within(handler: PairHandler, handed: Handed, deadline: float) -> int | None:
    async with asyncio.timeout(deadline):
        return await handler.deliver(handed)


def _handed(state: PairState, items: tuple[Item, ...], texts: Mapping[int, RichText]) -> Handed:
    first, pair, chat = items[0], state.plan.id, state.source or 0
    if isinstance(first, Change):
        messages = () if first.message is None else (first.message,)
        deed = "delete" if first.message is None else f"edit-{version_of(first.message):x}"
        return Handed(
            deed="edit" if messages else "delete",
            pair=pair,
            key=f"{_key(pair, chat, first.source_id)}-{deed}",
            messages=messages,
            texts=texts,
            receipts={first.source_id: state.targets[first.source_id]},
        )
    posted = tuple(item for item in items if isinstance(item, Incoming))
    answers = posted[0].reply_to
    return Handed(
        deed="post",
        pair=pair,
        key=_key(pair, chat, first.id),
        messages=posted,
        texts=texts,
        answers=None if answers is None else state.targets.get(answers),
    )


def _key(pair: int, chat: int, source_id: int) -> str:
    return f"{random_id_for(pair, chat, source_id) & (1 << 64) - 1:016x}"


def _verdict(error: BaseException) -> Verdict:
    """A handler's refusal is the message's fault; anything else passes, and is tried again."""
    name = type(error).__name__
    if isinstance(error, HandlerRefusedError):
        return Verdict(
            kind=ErrorClass.MESSAGE,
            action=Action.DROP_MESSAGE,
            name="HANDLER_REFUSED",
            advice=str(error),
        )
    return Verdict(
        kind=ErrorClass.SRV,
        action=Action.RETRY,
        name=name,
        advice="The pair's handler failed; it is tried again after a pause.",
    )

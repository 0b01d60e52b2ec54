"""Runs of an app's own pair handler, answered as if by a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pykka

from ...errors import HandlerBusyError, HandlerClosedError, HandlerRefusedError
from ...supervision import ask_async
from ...telegram import (
    Action,
    ErrorClass,
    Incoming,
    Receipt,
    RichText,
    Verdict,
    content_hash,
    random_id_for,
    remote_file,
    to_bytes,
)
from ..messages import CallTelegram, Delivered, Undelivered
from ..pair_handlers import Attachment, HandlerRequest, PairHandler
from .context import GroupContext
from .pair.batching import Change, Item
from .pair.state import PairState

logger = logging.getLogger(__name__)

LONGEST_ASKED: Final = 3600.0  # seconds that a handler's wish for rest is obeyed at once
CALL_SLACK: Final = 5.0  # seconds; a call that ends by its own deadline is answered before
NUMBERS: Final = range(-(2**63), 2**63)  # what the database keeps


def run_handler(
    context: GroupContext,
    state: PairState,
    ticket: int,
    items: tuple[Item, ...],
    texts: Mapping[int, RichText],
    *,
    deadline: float,
) -> None:
    """Let the pair's handler do ``items``; the answer comes as from a session."""
    assert state.handler is not None  # noqa: S101 - the caller looked
    pair = state.plan.id
    request = replace(
        _request(state, items, texts), fetch=partial(_fetch, context.ref, deadline=deadline)
    )
    posted = [one.id for one in request.messages]
    context.actor.pipe(
        _within(state.handler, request, deadline),
        done=lambda value: Delivered(
            pair=pair,
            ticket=ticket,
            receipt=Receipt(target_ids=dict.fromkeys(posted, _number(state, value))),
        ),
        failed=lambda error: Undelivered(pair=pair, ticket=ticket, verdict=_verdict(state, error)),
    )


def as_before(state: PairState, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """What was handed over before goes again with what it went with: their key is the same."""
    before = tuple(
        one for one in items if isinstance(one, Incoming) and state.doubts.handed(one.id)
    )
    return before if items[0] in before else items


def keep(state: PairState, items: tuple[Item, ...]) -> dict[int, bytes]:
    """Keep messages that a handler is to have as they are; returns what is to be on the disk."""
    if state.handler is None:
        return {}
    fresh = state.doubts.hand_over(one for one in items if isinstance(one, Incoming))
    return {one: to_bytes(message) for one, message in fresh.items()}


async def _within(handler: PairHandler, request: HandlerRequest, deadline: float) -> object:
    async with asyncio.timeout(deadline):
        try:
            return await handler.deliver(request)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # by the deadline, or with the group
            raise HandlerCancelledError from error  # by whatever it waited for itself


async def _fetch(
    session: pykka.ActorRef[Any], message: Incoming, most: int, *, deadline: float
) -> Attachment | None:
    """Fetch a message's file through its session, piece by piece."""
    file = remote_file(message)
    if file is None:
        return None
    found = Attachment(name=file.name, mime=file.mime, size=file.size)
    if file.size > most:
        return found
    data = bytearray()
    while len(data) <= most:
        ask = CallTelegram(request=file.piece(len(data)), deadline=deadline, dc_id=file.dc_id)
        piece = (await ask_async(session, ask, timeout=deadline + CALL_SLACK)).bytes
        data += piece
        if len(piece) < file.piece_size:
            return replace(found, size=len(data), data=bytes(data))
    return found


class HandlerCancelledError(Exception):
    """A handler ended with a ``CancelledError`` that nobody outside has caused."""


def _number(state: PairState, value: object) -> int | None:
    """What a handler returned, if it is a number under which anything can be kept.

    The message has been delivered in any case: trying it again would double it.
    """
    if value is None or (type(value) is int and value in NUMBERS):
        return value
    if state.returns_badly():  # once for each handler
        logger.warning(
            "handler's number not kept pair=%d handler=%s type=%s; give None or a 64-bit int:"
            " what it delivers cannot be edited, deleted or answered",
            state.plan.id,
            state.plan.handler,
            type(value).__name__,
        )
    return None


def _request(
    state: PairState, items: tuple[Item, ...], texts: Mapping[int, RichText]
) -> HandlerRequest:
    first, pair, chat = items[0], state.plan.id, state.source or 0
    if isinstance(first, Change):
        messages = () if first.message is None else (first.message,)
        action = "delete" if first.message is None else f"edit-{content_hash(first.message):x}"
        return HandlerRequest(
            action="edit" if messages else "delete",
            pair=pair,
            key=f"{_key(pair, chat, first.source_id)}-{action}",
            messages=messages,
            texts=texts,
            receipts={first.source_id: state.targets[first.source_id]},
            answers=_answered(state, messages),
        )
    posted = tuple(item for item in items if isinstance(item, Incoming))
    return HandlerRequest(
        action="post",
        pair=pair,
        key=_key(pair, chat, first.id),
        messages=posted,
        texts=texts,
        answers=_answered(state, posted),
    )


def _answered(state: PairState, messages: Sequence[Incoming]) -> int | None:
    """Under which number the message is known there that these answer."""
    answered = messages[0].reply_to if messages else None
    return None if answered is None else state.targets.get(answered)


def _key(pair: int, chat: int, source_id: int) -> str:
    return f"{random_id_for(pair, chat, source_id) & (1 << 64) - 1:016x}"


def _verdict(state: PairState, error: BaseException) -> Verdict:
    """A handler's refusal is the message's fault; anything else may pass, and is tried again."""
    if isinstance(error, HandlerBusyError):
        return Verdict(
            kind=ErrorClass.SRV,
            action=Action.RETRY,
            name="HANDLER_BUSY",
            advice=str(error),
            wait=min(max(0.0, error.seconds), LONGEST_ASKED),
        )
    if isinstance(error, HandlerClosedError):
        return Verdict(
            kind=ErrorClass.PAIR,
            action=Action.PAUSE_PAIR,
            name="HANDLER_CLOSED",
            advice=str(error),
        )
    if isinstance(error, HandlerRefusedError):
        return Verdict(
            kind=ErrorClass.MESSAGE,
            action=Action.DROP_MESSAGE,
            name="HANDLER_REFUSED",
            advice=str(error),
        )
    name = type(error).__name__
    if not state.queue.attempts:  # once for each message; what the error says may hold a secret
        pair, handler = state.plan.id, state.plan.handler
        logger.warning("handler failed pair=%d handler=%s error=%s", pair, handler, name)
    return Verdict(
        kind=ErrorClass.SRV,
        action=Action.RETRY,
        name=name,
        advice="The pair's handler failed.",
    )

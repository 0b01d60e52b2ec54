"""One shipment, delivered: the request, and what is done when Telegram does not take it as it is.

A single step that a session's actor starts and whose result comes back to it as a message. Which
request a step makes is decided here, so that floods can be kept by method. What can be mended is
mended by a table: a stale file is read anew, a lost thread is left out, a batch that is refused
goes one by one, and what had arrived before is looked up in the target.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from .client import Client
from .errors import classify
from .events import Incoming
from .requests import (
    copy_request,
    delete_request,
    edit_request,
    fetch,
    forward_request,
    history,
    sent_ids,
)
from .shipments import Receipt, Shipment
from .verdict import Action, ErrorClass, Verdict
from .versions import version_of

__all__ = ["deliver", "method_of"]

_OF_ONE: Final = frozenset({ErrorClass.MESSAGE, ErrorClass.BUG})  # a fault of one message
LOOK_BACK: Final = 100  # messages of the target in which a lost answer is looked for


def method_of(shipment: Shipment) -> str:
    """Return the TL name of the method that ``deliver`` calls; floods are kept by it."""
    match shipment.deed:
        case "forward":
            return "messages.forwardMessages"
        case "edit":
            return "messages.editMessage"
        case "delete":
            return "messages.deleteMessages"
        case "copy" if len(shipment.messages) > 1:
            return "messages.sendMultiMedia"
        case "copy" if shipment.first.has_media:
            return "messages.sendMedia"
        case _:
            return "messages.sendMessage"


async def deliver(client: Client, shipment: Shipment, *, deadline: float = 30.0) -> Receipt:
    """Do what ``shipment`` says. Repeating it is safe: Telegram takes no random id twice.

    Raises:
        PeerUnknownError, ProtectedContentError, MessageNotCopyableError: before anything is sent.
        TimeoutError: no answer in time; it may or may not have arrived.
        Exception: Telegram's refusal, when nothing of it could be mended.
    """
    try:
        return await _send(client, shipment, deadline)
    except Exception as error:
        verdict = classify(error)
        mend = _MENDS.get(verdict.action)
        if mend is None and len(shipment.messages) > 1 and verdict.kind in _OF_ONE:
            mend = _apart
        if mend is None:
            raise
        return await mend(client, shipment, deadline, error)


async def _send(client: Client, shipment: Shipment, deadline: float) -> Receipt:
    result = await client.call(_request(client, shipment), deadline=deadline)
    if not shipment.posts:
        return Receipt()
    told = sent_ids(result, shipment.random_ids)
    ids = {
        message.id: told.get(random_id)
        for message, random_id in zip(shipment.messages, shipment.random_ids, strict=True)
    }
    unsent = [one for one, target_id in ids.items() if target_id is None]
    if len(shipment.messages) > 1 and unsent:
        # Telegram passes over what is gone at the source, without a word.
        rest = await _one_by_one(client, shipment, deadline, only=frozenset(unsent))
        return replace(rest, target_ids=ids | dict(rest.target_ids))
    return Receipt(target_ids=ids)


def _request(client: Client, shipment: Shipment) -> Any:
    match shipment.deed:
        case "forward":
            return forward_request(
                client,
                shipment.messages[0].chat,
                shipment.target,
                [message.id for message in shipment.messages],
                shipment.random_ids,
                topic=shipment.topic,
            )
        case "copy":
            return copy_request(
                client,
                shipment.target,
                shipment.messages,
                shipment.random_ids,
                texts=shipment.texts,
                reply_to=shipment.answers,
                topic=shipment.topic,
            )
        case "edit":
            message = shipment.messages[0]
            return edit_request(
                client,
                shipment.target,
                shipment.target_ids[0],
                message,
                text=shipment.texts.get(message.id),
            )
        case _:
            return delete_request(client, shipment.target, shipment.target_ids)


async def _one_by_one(
    client: Client, shipment: Shipment, deadline: float, *, only: frozenset[int] | None = None
) -> Receipt:
    target_ids: dict[int, int | None] = {}
    refused: dict[int, Verdict] = {}
    repeated, after = 0, shipment.after
    for single in shipment.singles():
        source_id = single.messages[0].id
        if only is not None and source_id not in only:
            continue
        try:
            receipt = await deliver(client, replace(single, after=after), deadline=deadline)
        except Exception as error:
            verdict = classify(error)
            if verdict.kind not in _OF_ONE:
                raise  # what went is known to Telegram by its random id
            refused[source_id] = verdict
            continue
        target_ids |= receipt.target_ids
        repeated += receipt.repeated
        after = max(after, receipt.target_ids.get(source_id) or 0)
    return Receipt(target_ids=target_ids, refused=refused, repeated=repeated)


# What can be mended. Each mend leaves less to mend, so that they end.

Mend = Callable[[Client, Shipment, float, Exception], Awaitable[Receipt]]


async def _arrived_before(
    client: Client, shipment: Shipment, deadline: float, error: Exception
) -> Receipt:
    """The whole request is refused when one of it is known: so each is tried by itself."""
    if len(shipment.messages) > 1:
        return await _one_by_one(client, shipment, deadline)
    if not shipment.posts:
        raise error
    message = shipment.first
    return Receipt(target_ids={message.id: await _find(client, shipment, deadline)}, repeated=1)


async def _apart(client: Client, shipment: Shipment, deadline: float, error: Exception) -> Receipt:
    if len(shipment.messages) < 2:
        raise error
    return await _one_by_one(client, shipment, deadline)


async def _plain(client: Client, shipment: Shipment, deadline: float, error: Exception) -> Receipt:
    if shipment.answers is None and shipment.topic is None:
        raise error
    kept = shipment.topic if shipment.answers is not None else None
    plain = replace(shipment, answers=None, topic=kept)
    return await deliver(client, plain, deadline=deadline)


async def _refetched(
    client: Client, shipment: Shipment, deadline: float, error: Exception
) -> Receipt:
    if shipment.fresh:
        raise error
    ids = [message.id for message in shipment.messages]
    found = {
        message.id: message
        for message in await fetch(client, shipment.messages[0].chat, ids, deadline=deadline)
    }
    messages = tuple(found.get(message.id, message) for message in shipment.messages)
    return await deliver(
        client, replace(shipment, messages=messages, fresh=True), deadline=deadline
    )


async def _nothing_left(
    _client: Client, shipment: Shipment, _deadline: float, error: Exception
) -> Receipt:
    """A change that has been made already, or whose message is gone."""
    if shipment.posts:
        return await _apart(_client, shipment, _deadline, error)
    return Receipt()


_MENDS: Final[Mapping[Action, Mend]] = {
    Action.ACCEPT: _arrived_before,
    Action.REPAIR_MESSAGE: _apart,
    Action.SEND_PLAIN: _plain,
    Action.REFETCH_MESSAGE: _refetched,
    Action.DROP_MESSAGE: _nothing_left,
}


async def _find(client: Client, shipment: Shipment, deadline: float) -> int | None:
    """Look in the target for the message whose answer was lost; ``None`` if it is not there.

    A pair sends in order, so it is the first of its kind behind the last one known.
    """
    message = shipment.messages[0]
    text = shipment.texts.get(message.id)
    wanted = version_of(message, text)
    forwarded = shipment.deed == "forward"
    try:
        found = await _behind(client, shipment, deadline)
    except Exception as error:
        if classify(error).kind in {ErrorClass.NET, ErrorClass.FLOOD}:
            raise
        return None  # this account may write there and not read
    alike = [
        one.id for one in found if one.forwarded is forwarded and version_of(one, None) == wanted
    ]
    if not alike:
        return None
    return alike[0] if shipment.after else alike[-1]


async def _behind(client: Client, shipment: Shipment, deadline: float) -> list[Incoming]:
    if shipment.after:
        return await history(client, shipment.target, shipment.after, LOOK_BACK, deadline=deadline)
    return await history(client, shipment.target, None, LOOK_BACK, deadline=deadline)

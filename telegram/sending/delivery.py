"""Delivery of one shipment: the request, and the repair of one that is refused.

A single step that a session's actor starts and whose result comes back to it as a message. Which
request a step makes is decided here, so that floods can be kept by method. What can be mended is
mended by a table: a stale file is read anew, a lost thread is left out, a batch that is refused
goes one by one, and what had arrived before is looked up in the target.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from telethon.errors import MessageIdInvalidError

from ...errors import MessageNotCopyableError, ProtectedContentError
from ..client import Client
from ..errors.classification import classify, error_of, price_of
from ..errors.verdict import Action, ErrorClass
from ..events import Incoming
from .content_hash import content_hash, origin_of, similarity
from .message_pages import fetch, history
from .protection import person_protects
from .request_builder import request_of
from .requests import GENERAL_TOPIC, sent_ids
from .rich_messages import completed
from .shipments import Receipt, Shipment

_OF_ONE: Final = frozenset({ErrorClass.MESSAGE, ErrorClass.BUG})  # a fault of one message
_OF_READING: Final = _OF_ONE | {ErrorClass.PAIR}  # and of the one chat that is read
_TOO_LONG: Final = frozenset({"MEDIA_CAPTION_TOO_LONG", "MESSAGE_TOO_LONG"})
NEEDS_PREMIUM: Final = "PREMIUM_ACCOUNT_REQUIRED"
FOR_PREMIUM: Final = {
    "rich": "it is a rich message, which only accounts with Premium may send",
    "todo": "it is a checklist, which only accounts with Premium may send",
}
"""Kinds of content that ask for Premium, so that the pair goes on without; and why."""
LOOK_BACK: Final = 1000  # messages of the target in which a lost answer is looked for


async def deliver(client: Client, shipment: Shipment, *, deadline: float = 30.0) -> Receipt:
    """Do what ``shipment`` says. Repeating it is safe: Telegram takes no random id twice.

    Of ``copies`` some may have gone when the others could not: then the receipt tells the trouble.
    What stands behind a message that is refused has not been tried, and the receipt tells nothing.

    Raises:
        PeerUnknownError, ProtectedContentError, MessageNotCopyableError: before anything is sent.
        TimeoutError: no answer in time; it may or may not have arrived.
        Exception: Telegram's refusal, when nothing of it could be mended.
    """
    await _refuse_protected_person(client, shipment, deadline)
    shipment = await _completed(client, shipment, deadline)
    if shipment.action == "copies":
        return await _in_turn(client, shipment, deadline)
    try:
        if _may_be_mute(shipment):
            shipment = await _as_mute(client, shipment, deadline)
        return await _send(client, shipment, deadline)
    except Exception as error:  # noqa: BLE001 - raised again unless it can be mended
        return await _mended(client, shipment, deadline, error)


async def _refuse_protected_person(client: Client, shipment: Shipment, deadline: float) -> None:
    """Refuse what was said in a private chat that one of the two protects."""
    source = shipment.first.chat if shipment.messages else 0
    if source > 0 and await person_protects(client, source, deadline=deadline):
        raise ProtectedContentError(source)


async def _completed(client: Client, shipment: Shipment, deadline: float) -> Shipment:
    """The same with all of its rich texts, which are told in part."""
    if shipment.action == "forward" or not any(one.partial for one in shipment.messages):
        return shipment
    whole = [await completed(client, one, deadline=deadline) for one in shipment.messages]
    return replace(shipment, messages=tuple(whole))


def _may_be_mute(shipment: Shipment) -> bool:
    """Whether it would give the pair's words to an item of an album that says nothing itself."""
    if shipment.action != "edit" or shipment.first.grouped_id is None or shipment.first.text:
        return False
    text = shipment.texts.get(shipment.first.id)
    return text is not None and bool(text.text)


async def _as_mute(client: Client, shipment: Shipment, deadline: float) -> Shipment:
    """The same without the pair's words, where another item of the album has them."""
    found = await fetch(client, shipment.target, shipment.target_ids, deadline=deadline)
    if any(one.text for one in found):
        return shipment
    text = shipment.texts[shipment.first.id]
    return replace(shipment, texts={shipment.first.id: replace(text, text="", marks=())})


async def _mended(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    verdict = classify(error)
    if verdict.name == NEEDS_PREMIUM and shipment.posts and shipment.first.kind in FOR_PREMIUM:
        one, why = shipment.first, FOR_PREMIUM[shipment.first.kind]
        raise MessageNotCopyableError(one.chat, one.id, why) from error
    mend = _MENDS.get(verdict.action)
    if mend is None and verdict.kind in _OF_ONE:
        mend = _apart
    if mend is None:
        raise error
    return await mend(client, shipment, deadline, error)


async def _send(client: Client, shipment: Shipment, deadline: float) -> Receipt:
    result = await client.call(request_of(client, shipment), deadline=deadline)
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


async def _in_turn(client: Client, shipment: Shipment, deadline: float) -> Receipt:
    """Send copies at once, to be taken one behind the other, and go on behind what is refused."""
    left, told = list(shipment.singles()), Receipt()
    at_once = len(left)
    while left:
        sent, error = await _as_many_as_go(client, left[:at_once], deadline)
        told, left = told.plus(Receipt(target_ids=sent)), left[len(sent) :]
        at_once = len(left)
        if error is None:
            continue
        single = replace(left.pop(0), after=max(shipment.after, told.newest))
        try:
            receipt = await _of_one(single, _mended(client, single, deadline, error))
        except Exception as trouble:
            if not told.target_ids and not told.refused:
                raise
            return replace(told, trouble=trouble)
        told = told.plus(receipt)
        if receipt.refused:
            break  # it is given up first, or it would be tried again behind the next ones
        if receipt.repeated:
            at_once = 1  # the next ones may have arrived as well
    return told


async def _as_many_as_go(
    client: Client, singles: Sequence[Shipment], deadline: float
) -> tuple[dict[int, int | None], BaseException | None]:
    """Send single copies in turn; returns what they became, up to the first error."""
    requests, error = [], None
    for single in singles:
        try:
            requests.append(request_of(client, single))
        except Exception as unfit:  # noqa: BLE001 - what stands before it goes
            error = unfit
            break
    answers = await client.call_in_turn(requests, deadline=deadline) if requests else []
    sent: dict[int, int | None] = {}
    for single, answer in zip(singles, answers, strict=False):
        if isinstance(answer, BaseException):
            return sent, answer
        sent[single.first.id] = sent_ids(answer, single.random_ids).get(single.random_ids[0])
    return sent, error


async def _one_by_one(
    client: Client, shipment: Shipment, deadline: float, *, only: frozenset[int] | None = None
) -> Receipt:
    told = Receipt()
    for one in shipment.singles():
        if only is None or one.first.id in only:
            single = replace(one, after=max(shipment.after, told.newest))
            work = deliver(client, single, deadline=deadline)
            told = told.plus(await _of_one(single, work))
            if told.refused and only is None:
                break  # as in ``_in_turn``; where some have gone already, the others follow
    return told


async def _of_one(single: Shipment, work: Awaitable[Receipt]) -> Receipt:
    """What came of one message; a fault of its own is told and holds nothing up."""
    try:
        return await work
    except Exception as error:
        verdict = classify(error)
        if verdict.kind not in _OF_ONE:
            raise  # what went is known to Telegram by its random id
        return Receipt(refused={single.first.id: verdict})


# What can be mended. Each mend leaves less to mend, so that they end.

Mend = Callable[[Client, Shipment, float, BaseException], Awaitable[Receipt]]


async def _arrived_before(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    """The whole request is refused when one of it is known: so each is tried by itself."""
    if len(shipment.messages) > 1:
        return await _one_by_one(client, shipment, deadline)
    if not shipment.posts:
        raise error
    source_id = shipment.first.id
    target_id, outdated = await _find(client, shipment, deadline)
    return Receipt(
        target_ids={source_id: target_id},
        repeated=1,
        outdated=frozenset({source_id} if outdated else ()),
    )


async def _apart(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    if len(shipment.messages) < 2 or not shipment.divisible:
        raise error  # an album arrives as one, or not at all
    return await _one_by_one(client, shipment, deadline)


async def _shortened(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    """Telegram takes longer captions from Premium accounts only, and this may be none."""
    ids = frozenset(one.id for one in shipment.messages if one.id in shipment.shorter)
    if not ids or classify(error).name not in _TOO_LONG:
        return await _apart(client, shipment, deadline, error)
    texts = {**shipment.texts, **shipment.shorter}
    receipt = await deliver(client, replace(shipment, texts=texts, shorter={}), deadline=deadline)
    return replace(receipt, shortened=ids)


async def _paid(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    """Send it for what the chat takes, if that is no more than may be paid; once."""
    price = price_of(error)
    if shipment.price or not shipment.posts or not 0 < price <= shipment.max_stars:
        raise error
    paid = replace(shipment, price=price)
    receipt = await deliver(client, paid, deadline=deadline)
    went = sum(1 for one in receipt.target_ids if one not in receipt.refused)
    return replace(receipt, stars=price * max(0, went - receipt.repeated))


async def _plain(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    if shipment.answers is None:
        raise error  # a topic is where the message belongs: nowhere else is as good
    if shipment.quoted and classify(error).name.startswith("QUOTE"):
        plain = replace(shipment, quoted=False)
    else:
        plain = replace(shipment, answers=None)
    return await deliver(client, plain, deadline=deadline)


async def _refetched(
    client: Client, shipment: Shipment, deadline: float, error: BaseException
) -> Receipt:
    if shipment.fresh:
        raise error
    ids = [message.id for message in shipment.messages]
    found = {
        message.id: message
        for message in await fetch(client, shipment.messages[0].chat, ids, deadline=deadline)
    }
    if not found:
        raise MessageIdInvalidError(None) from error
    receipt = await deliver(client, _without_gone(shipment, found), deadline=deadline)
    gone = dict.fromkeys(set(ids) - found.keys(), classify(MessageIdInvalidError(None)))
    return replace(receipt, refused={**receipt.refused, **gone})


def _without_gone(shipment: Shipment, found: Mapping[int, Incoming]) -> Shipment:
    """The same with the messages as they have just been read; without what is not there any more.

    What is gone has no file that could be sent, and the others of its album would not go with it.
    """
    there = [at for at, message in enumerate(shipment.messages) if message.id in found]
    return replace(
        shipment,
        messages=tuple(found[shipment.messages[at].id] for at in there),
        random_ids=tuple(shipment.random_ids[at] for at in there if shipment.random_ids),
        fresh=True,
    )


async def _nothing_left(
    _client: Client, shipment: Shipment, _deadline: float, error: BaseException
) -> Receipt:
    """A change that has been made already, or whose message is gone."""
    if shipment.posts:
        return await _apart(_client, shipment, _deadline, error)
    return Receipt()


_MENDS: Final[Mapping[Action, Mend]] = {
    Action.ACCEPT: _arrived_before,
    Action.REPAIR_MESSAGE: _shortened,
    Action.SEND_PLAIN: _plain,
    Action.PAY_ALLOWED: _paid,
    Action.REFETCH_MESSAGE: _refetched,
    Action.DROP_MESSAGE: _nothing_left,
}


async def _find(client: Client, shipment: Shipment, deadline: float) -> tuple[int | None, bool]:
    """Look in the target for the message whose answer was lost; ``None`` if it is not there.

    A pair sends in order, so it is the first of its kind behind the last one known. Also returns
    whether that one says something else than the message says now: its own words decide, whatever
    else it might have said.
    """
    message = shipment.messages[0]
    present = content_hash(message, shipment.texts.get(message.id))
    forwarded = shipment.action == "forward"
    try:
        found = await _behind(client, shipment, deadline)
    except Exception as error:
        verdict = classify(error)
        if verdict.kind not in _OF_READING:
            raise
        if shipment.patient:  # who may write there may read, too: it passes, and costs no message
            passing = replace(verdict, kind=ErrorClass.SRV, action=Action.RETRY)
            raise error_of(passing) from error
        return None, False
    cut = shipment.shorter.get(message.id)
    now = {present, present if cut is None else content_hash(message, cut)}
    known = {origin_of(message)} if forwarded else now
    wanted = {*known, *shipment.earlier.get(message.id, ())}
    found = [one for one in found if one.id not in shipment.others]
    fits = [
        similarity(one, of=(message.chat, message.id), says=wanted, forward=forwarded)
        for one in found
    ]
    best = max(fits, default=0)
    if not best:
        return None, False
    alike = [one for one, fit in zip(found, fits, strict=True) if fit == best]
    alike = _in_its_topic(shipment, alike)
    if best == 1 and forwarded:
        others = {origin for said in shipment.earlier.values() for origin in said}
        alike = [one for one in alike if origin_of(one) not in others]
        if len(alike) != 1:
            return None, False  # of several that it may be, none may be taken for it
    one = alike[0 if shipment.after else -1]
    return one.id, content_hash(one) not in now


def _in_its_topic(shipment: Shipment, alike: list[Incoming]) -> list[Incoming]:
    """Those of equal messages that stand where this one would; all of them if none does.

    Two pairs of the same chats may differ in their topics alone.
    """
    if shipment.topic is None:
        return alike
    there = [one for one in alike if (one.topic or GENERAL_TOPIC) == shipment.topic]
    return there or alike


async def _behind(client: Client, shipment: Shipment, deadline: float) -> list[Incoming]:
    if shipment.after:
        return await history(client, shipment.target, shipment.after, LOOK_BACK, deadline=deadline)
    return await history(client, shipment.target, None, LOOK_BACK, deadline=deadline)

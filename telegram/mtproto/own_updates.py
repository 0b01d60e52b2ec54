"""Updates of an account's own actions, recovered from the answers to its requests. Pure.

Telegram tells a client what it has done itself in the answer, and not once more. Some answers are
whole containers of updates, some only say which number a message got, or how many are gone: what
they leave out is in the request. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .._tl import functions, types, utils
from .message_box import NEVER

UPDATES: Final = types.Updates.SUBCLASS_OF_ID
AFFECTED: Final = (
    types.messages.AffectedMessages,
    types.messages.AffectedHistory,
    types.messages.AffectedFoundMessages,
)
DELETIONS_BY_NAME: Final = (
    functions.messages.DeleteMessagesRequest,
    functions.channels.DeleteMessagesRequest,
)
DELETIONS: Final = (
    functions.messages.DeleteHistoryRequest,
    functions.messages.DeleteSavedHistoryRequest,
    functions.messages.DeleteTopicHistoryRequest,
    functions.messages.DeletePhoneCallHistoryRequest,
    functions.channels.DeleteParticipantHistoryRequest,
)


@dataclass(frozen=True, slots=True)
class OwnUpdates:
    """Containers of updates, to be taken in this order.

    ``gap`` says that something was done which they do not tell: in ``chat`` (a marked id), or
    anywhere when that is None.
    """

    updates: tuple[Any, ...]
    gap: bool = False
    chat: int | None = None


NOTHING: Final = OwnUpdates(())


def own_updates(request: Any, result: Any, self_id: int | None) -> OwnUpdates:
    """What ``result`` tells of what ``request`` has done; ``self_id`` is the account's id."""
    request = _unwrapped(request)
    if isinstance(result, types.UpdateShortSentMessage):
        return _sent(request, result, self_id)
    if isinstance(result, AFFECTED):
        return _affected(request, result, self_id)
    if getattr(result, "SUBCLASS_OF_ID", None) == UPDATES:
        return OwnUpdates((result,))
    within = getattr(result, "updates", None)
    return OwnUpdates((within,)) if getattr(within, "SUBCLASS_OF_ID", None) == UPDATES else NOTHING


def _unwrapped(request: Any) -> Any:
    while hasattr(request, "query"):
        request = request.query
    return request


# A message of which only the number is told


def _sent(request: Any, told: Any, self_id: int | None) -> OwnUpdates:
    chat = _peer(getattr(request, "peer", None), self_id)
    known = chat is not None and isinstance(getattr(request, "message", None), str)
    if not known:  # what was sent stands elsewhere: an inline result, a draft of the server's
        passed_over = types.UpdateDeleteMessages([], told.pts, told.pts_count)
        return OwnUpdates((_short(passed_over),), gap=True, chat=_marked(chat))
    message = types.Message(
        id=told.id,
        peer_id=chat,
        from_id=None if self_id is None else types.PeerUser(self_id),
        date=told.date,
        message=request.message,
        out=True,
        silent=request.silent,
        noforwards=request.noforwards,
        invert_media=getattr(request, "invert_media", None),
        reply_to=_answered(request.reply_to),
        media=told.media,
        entities=told.entities,
        ttl_period=told.ttl_period,
    )
    return OwnUpdates((_short(types.UpdateNewMessage(message, told.pts, told.pts_count)),))


def _answered(reply: Any) -> Any:
    if not isinstance(reply, types.InputReplyToMessage):
        return None
    return types.MessageReplyHeader(
        reply_to_msg_id=reply.reply_to_msg_id,
        reply_to_top_id=reply.top_msg_id,
        forum_topic=True if reply.top_msg_id else None,
    )


# Messages of which only is told how many have gone, or have been read


def _affected(request: Any, told: Any, self_id: int | None) -> OwnUpdates:
    place = getattr(request, "channel", None) or getattr(request, "peer", None)
    chat = _peer(place, self_id)
    ids = list(dict.fromkeys(request.id)) if isinstance(request, DELETIONS_BY_NAME) else []
    doubt = bool(told.pts_count) and (
        isinstance(request, DELETIONS) or (bool(ids) and told.pts_count != len(ids))
    )
    if doubt or not told.pts_count:
        ids = []
    update: Any
    if isinstance(chat, types.PeerChannel):
        update = types.UpdateDeleteChannelMessages(chat.channel_id, ids, told.pts, told.pts_count)
    else:
        update = types.UpdateDeleteMessages(ids, told.pts, told.pts_count)
    return OwnUpdates((_short(update),), gap=doubt, chat=_marked(chat) if doubt else None)


def _short(update: Any) -> Any:
    return types.UpdateShort(update, NEVER)


def _marked(chat: Any) -> int | None:
    return None if chat is None else int(utils.get_peer_id(chat))


def _peer(place: Any, self_id: int | None) -> Any:
    """A chat that a request names, as messages name it; None for none, or one not resolved."""
    if isinstance(place, types.InputPeerSelf | types.InputUserSelf):
        return None if self_id is None else types.PeerUser(self_id)
    try:
        return utils.get_peer(place)
    except (TypeError, ValueError):
        return None

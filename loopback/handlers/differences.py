"""Differences: getState, getDifference, getChannelDifference, and "too long"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.feed import Event, EventKind
from ..world.records import Chat, Message
from ..world.rendering import View
from .base import Handlers
from .history import seconds_of


def get_state(call: Call, _request: Any) -> Any:
    """Where the account's events have got to, and how many containers this login was sent."""
    return types.updates.State(call.me.feed.pts, 0, call.world.now(), call.authorization.seq, 0)


def get_difference(call: Call, request: Any) -> Any:
    """The account's events after a pts; channels that have news are only named."""
    feed, limits = call.me.feed, call.world.limits
    if request.pts <= 0:
        raise RpcError("PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts > feed.pts:
        raise RpcError("PERSISTENT_TIMESTAMP_INVALID")
    events = feed.after(request.pts)
    if not feed.reaches(request.pts) or len(events) > limits.too_long:
        return types.updates.DifferenceTooLong(feed.pts)
    told = events[: limits.difference]
    view = View(call.world, call.me)
    messages, others = _sorted_out(call, view, None, told)
    rest = len(told) < len(events)
    if not rest and call.centre.pushes.name_channels:
        others += _channels_with_news(call, view, request.date)
    if not messages and not others and not rest:
        return types.updates.DifferenceEmpty(call.world.now(), call.authorization.seq)
    pts = told[-1].pts if rest else feed.pts
    state = types.updates.State(pts, 0, call.world.now(), call.authorization.seq, 0)
    cls = types.updates.DifferenceSlice if rest else types.updates.Difference
    return cls(messages, [], others, view.chats, view.users, state)


def get_channel_difference(call: Call, request: Any) -> Any:
    """A channel's events after a pts."""
    chat = call.peers.channel(request.channel)
    feed, limits = chat.feed, call.world.limits
    if request.pts <= 0:
        raise RpcError("PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts > feed.pts:
        raise RpcError("PERSISTENT_TIMESTAMP_INVALID")
    events = feed.after(request.pts)
    if not feed.reaches(request.pts) or len(events) > limits.channel_too_long:
        return _channel_too_long(call, chat)
    if not events:
        return types.updates.ChannelDifferenceEmpty(feed.pts, final=True)
    told = events[: max(1, min(request.limit, limits.difference))]
    view = View(call.world, call.me)
    view.mention(chat)
    messages, others = _sorted_out(call, view, chat, told)
    final = len(told) == len(events)
    return types.updates.ChannelDifference(
        told[-1].pts, messages, others, view.chats, view.users, final=final or None
    )


def _sorted_out(
    call: Call, view: View, chat: Chat | None, events: Sequence[Event[Message]]
) -> tuple[list[Any], list[Any]]:
    """New messages, and all other events as updates; what is deleted since is left out."""
    messages, others = [], []
    for event in events:
        message = event.message
        if message is not None and (message.deleted or not message.id_for(call.me.id)):
            continue
        if event.kind is EventKind.NEW and message is not None:
            messages.append(view.message(message))
        else:
            others.append(call.delivery.update(view, chat, event))
    return messages, others


def _channels_with_news(call: Call, view: View, since: Any) -> list[Any]:
    """The account's channels in which something happened since its last update.

    A second counts as "since": Telegram dates in seconds, and a channel named
    without need costs one question, one not named costs its messages.
    """
    date = seconds_of(since)
    stale = [
        chat
        for chat in call.world.chats_of(call.me)
        if chat.is_channel and chat.feed.changed >= max(date, 1)
    ]
    view.mention(*stale)
    return [types.UpdateChannelTooLong(chat.id, pts=chat.feed.pts) for chat in stale]


def _channel_too_long(call: Call, chat: Chat) -> Any:
    from .dialogs import dialog

    view = View(call.world, call.me)
    newest = [view.message(m) for m in reversed(chat.messages[-call.world.limits.difference :])]
    view.mention(chat)
    return types.updates.ChannelDifferenceTooLong(
        dialog(call, view, chat), newest, view.chats, view.users, final=True
    )


HANDLERS: Final[Handlers] = {
    functions.updates.GetStateRequest: get_state,
    functions.updates.GetDifferenceRequest: get_difference,
    functions.updates.GetChannelDifferenceRequest: get_channel_difference,
}

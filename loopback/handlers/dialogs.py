"""The dialogs, reduced: getDialogs, getPeerDialogs, getPinnedDialogs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..world.records import Chat
from ..world.rendering import View
from .base import Handlers, yes


def get_dialogs(call: Call, request: Any) -> Any:
    """The conversations of ``me``, newest first."""
    chats = _conversations(call)
    if isinstance(request.offset_peer, types.InputPeerEmpty):
        start = 0
    else:
        offset = call.peers.chat(request.offset_peer)
        start = chats.index(offset) + 1 if offset in chats else len(chats)
    chosen = chats[start : start + (request.limit or 100)]
    view = View(call.world, call.me)
    dialogs, messages = _rendered(call, view, chosen)
    if start == 0:
        dialogs = [*_communities(call), *dialogs]
    homes = [*view.chats, *_community_homes(call)]
    if len(chosen) == len(chats):
        return types.messages.Dialogs(dialogs, messages, homes, view.users)
    return types.messages.DialogsSlice(len(chats), dialogs, messages, homes, view.users)


def _communities(call: Call) -> list[Any]:
    count = len(call.me.communities)
    settings = types.PeerNotifySettings()
    return [types.DialogCommunity(number, settings) for number in range(1, count + 1)]


def _community_homes(call: Call) -> list[Any]:
    return [
        types.Community(number, title, types.ChatPhotoEmpty(), call.world.now(), access_hash=number)
        for number, title in enumerate(call.me.communities, start=1)
    ]


def get_peer_dialogs(call: Call, request: Any) -> Any:
    """Chosen conversations."""
    asked = [p.peer for p in request.peers if isinstance(p, types.InputDialogPeer)]
    return _peer_dialogs(call, [call.peers.chat(peer) for peer in asked])


def get_pinned_dialogs(call: Call, _request: Any) -> Any:
    """None: nothing is pinned here."""
    return _peer_dialogs(call, [])


def dialog(call: Call, view: View, chat: Chat) -> Any:
    """A conversation as a Dialog."""
    newest = _newest(call, chat)
    member = chat.members.get(call.me.id)
    read = member.read_up_to if member is not None else 0
    me = call.me
    unread = [m for m in chat.messages if m.id_for(me.id) > read and m.author is not me]
    view.mention(chat)
    return types.Dialog(
        peer=view.peers.peer_of(chat),
        top_message=newest,
        read_inbox_max_id=read,
        read_outbox_max_id=newest,
        unread_count=len(unread),
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
        pts=chat.feed.pts if chat.is_channel else None,
    )


def _peer_dialogs(call: Call, chats: Iterable[Chat]) -> Any:
    view = View(call.world, call.me)
    dialogs, messages = _rendered(call, view, chats)
    seq = call.authorization.seq
    state = types.updates.State(call.me.feed.pts, 0, call.world.now(), seq, 0)
    return types.messages.PeerDialogs(dialogs, messages, view.chats, view.users, state)


def _rendered(call: Call, view: View, chats: Iterable[Chat]) -> tuple[list[Any], list[Any]]:
    dialogs: list[Any] = []
    messages: list[Any] = []
    for chat in chats:
        dialogs.append(dialog(call, view, chat))
        mine = [m for m in chat.messages[-1:] if m.id_for(call.me.id)]
        messages.extend(view.message(message) for message in mine)
    return dialogs, messages


def _conversations(call: Call) -> list[Chat]:
    """Groups and channels that ``me`` is in, and private chats with something in them."""
    me = call.me
    private = [c for c in call.world.privates.values() if me.id in c.members and c.messages]
    chats = [*call.world.chats_of(me), *private]
    return sorted(chats, key=_last_date, reverse=True)


def _last_date(chat: Chat) -> int:
    return chat.messages[-1].date if chat.messages else chat.date


def _newest(call: Call, chat: Chat) -> int:
    return next((i for m in reversed(chat.messages) if (i := m.id_for(call.me.id))), 0)


HANDLERS: Final[Handlers] = {
    functions.messages.GetDialogsRequest: get_dialogs,
    functions.messages.GetPeerDialogsRequest: get_peer_dialogs,
    functions.messages.GetPinnedDialogsRequest: get_pinned_dialogs,
    functions.messages.SetTypingRequest: yes,
}

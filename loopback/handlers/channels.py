"""Channels and supergroups: created, described, renamed, opened, closed, spoken for."""

from __future__ import annotations

import re
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..updates.delivery import Delivery
from ..world.records import Account, Chat, ChatKind, Member
from ..world.rendering import BANNED_FLAGS, View
from ..world.rights import require_admin
from ..world.update_events import Draft
from .base import Handlers

_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
_SLOW: Final = (0, 10, 30, 60, 300, 900, 3600)  # seconds that Telegram offers


def get_channels(call: Call, request: Any) -> Any:
    """Channels by id and access hash."""
    view = View(call.world, call.me)
    return types.messages.Chats([view.chat(call.peers.channel(given)) for given in request.id])


def get_full_channel(call: Call, request: Any) -> Any:
    """One channel, described."""
    chat = call.peers.channel(request.channel)
    view = View(call.world, call.me)
    view.mention(chat)
    member = chat.members.get(call.me.id)
    full = types.ChannelFull(
        id=chat.id,
        about=chat.about,
        read_inbox_max_id=member.read_up_to if member is not None else 0,
        read_outbox_max_id=0,
        unread_count=0,
        chat_photo=types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        bot_info=[],
        pts=chat.feed.pts,
        can_view_participants=chat.kind is ChatKind.MEGAGROUP or None,
        participants_count=len(chat.present()),
        slowmode_seconds=chat.slowmode or None,
        pinned_msg_id=chat.pinned_id or None,
    )
    return types.messages.ChatFull(full, view.chats, view.users)


def create_channel(call: Call, request: Any) -> Any:
    """A new channel, or supergroup; its first message says so."""
    if not request.title:
        raise RpcError("CHAT_TITLE_EMPTY")
    me, world = call.me, call.world
    broadcast = request.broadcast and not (request.megagroup or request.forum)
    chat = Chat(
        id=world.take_channel_id(),
        kind=ChatKind.BROADCAST if broadcast else ChatKind.MEGAGROUP,
        title=request.title,
        about=request.about,
        date=world.now(),
        forum=bool(request.forum),
    )
    chat.members[me.id] = Member(account_id=me.id, date=chat.date, inviter_id=me.id, creator=True)
    world.add_chat(chat)
    call.delivery.chat_changed(chat, [me], call.conversation)
    notice = Draft(action=types.MessageActionChannelCreate(request.title))
    return call.delivery.answer(me, call.delivery.post(chat, me, [notice], call.conversation))


def edit_title(call: Call, request: Any) -> Any:
    """A new title, and a message that says so."""
    chat = call.peers.channel(request.channel)
    require_admin(chat, call.me, "change_info")
    if not request.title:
        raise RpcError("CHAT_TITLE_EMPTY")
    if request.title == chat.title:
        raise RpcError("CHAT_NOT_MODIFIED")
    chat.title = request.title
    notice = Draft(action=types.MessageActionChatEditTitle(request.title))
    return call.delivery.answer(
        call.me, call.delivery.post(chat, call.me, [notice], call.conversation)
    )


def delete_channel(call: Call, request: Any) -> Any:
    """The end of a channel, for its creator to decide."""
    chat = call.peers.channel(request.channel)
    member = chat.members.get(call.me.id)
    if member is None or not member.creator:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    chat.gone = True
    return _changed(call, chat)


def update_username(call: Call, request: Any) -> bool:
    """A public name for a channel, or none."""
    chat = call.peers.channel(request.channel)
    require_admin(chat, call.me, "change_info")
    if request.username:
        _require_free(call, request.username)
    chat.username = request.username or None
    _changed(call, chat)
    return True


def check_username(call: Call, request: Any) -> bool:
    """Whether a public name is free."""
    _ = call.me
    if not _USERNAME.fullmatch(request.username):
        raise RpcError("USERNAME_INVALID")
    return call.world.by_username(request.username) is None


def toggle_forum(call: Call, request: Any) -> Any:
    """Topics in a supergroup, or none."""
    chat = _supergroup(call, request.channel)
    require_admin(chat, call.me, "change_info")
    chat.forum = bool(request.enabled)
    return _changed(call, chat)


def toggle_slowmode(call: Call, request: Any) -> Any:
    """A pause between a member's messages."""
    chat = _supergroup(call, request.channel)
    require_admin(chat, call.me, "ban_users")
    if request.seconds not in _SLOW:
        raise RpcError("SECONDS_INVALID")
    chat.slowmode = request.seconds
    return _changed(call, chat)


def toggle_noforwards(call: Call, request: Any) -> Any:
    """Content protected, or no longer."""
    chat = call.peers.chat(request.peer)
    if chat.kind is ChatKind.PRIVATE:
        return call.delivery.answer(
            call.me, protect(call.delivery, chat, call.me, enabled=bool(request.enabled))
        )
    member = chat.members.get(call.me.id)
    if member is None or not member.creator:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    if chat.noforwards is bool(request.enabled):
        raise RpcError("CHAT_NOT_MODIFIED")
    chat.noforwards = bool(request.enabled)
    return _changed(call, chat)


def protect(delivery: Delivery, chat: Chat, me: Account, *, enabled: bool) -> list[Any]:
    """Protect a private chat, or no longer; a message in it says so."""
    member = chat.members[me.id]
    if member.protects is enabled:
        raise RpcError("CHAT_NOT_MODIFIED")
    before, member.protects = member.protects, enabled
    action = types.MessageActionNoForwardsToggle(before, enabled)
    return list(delivery.post(chat, me, [Draft(action=action)]))


def edit_default_rights(call: Call, request: Any) -> Any:
    """What members without special rights may not do."""
    chat = call.peers.chat(request.peer)
    if chat.kind is ChatKind.PRIVATE:
        raise RpcError("PEER_ID_INVALID")
    require_admin(chat, call.me, "ban_users")
    chat.default_banned = flags_of(request.banned_rights, BANNED_FLAGS)
    return _changed(call, chat)


def get_send_as(call: Call, request: Any) -> Any:
    """The peers that this account may send as."""
    chat = call.peers.chat(request.peer)
    view = View(call.world, call.me)
    channels = _identities(call, chat)
    view.mention(call.me, *channels)
    peers = [types.PeerUser(call.me.id), *(types.PeerChannel(one.id) for one in channels)]
    return types.channels.SendAsPeers(
        [types.SendAsPeer(one) for one in peers], view.chats, view.users
    )


def sender_of(call: Call, chat: Chat, given: Any) -> int | None:
    """The channel that a message is sent as; ``None`` for the account itself.

    Raises SEND_AS_PEER_INVALID for a peer that this account may not send as here.
    """
    if given is None or isinstance(given, types.InputPeerSelf):
        return None
    if isinstance(given, types.InputPeerUser) and given.user_id == call.me.id:
        return None
    wanted = getattr(given, "channel_id", None)
    if wanted not in {one.id for one in _identities(call, chat)}:
        raise RpcError("SEND_AS_PEER_INVALID")
    return int(given.channel_id)


def _identities(call: Call, chat: Chat) -> list[Chat]:
    if chat.kind is not ChatKind.MEGAGROUP:
        return []
    own = [one for one in call.world.chats.values() if _created(one, call.me.id) and not one.gone]
    return [one for one in own if one is chat or one.kind is ChatKind.BROADCAST]


def _created(chat: Chat, account_id: int) -> bool:
    member = chat.members.get(account_id)
    return member is not None and member.creator


def flags_of(rights: Any, known: tuple[str, ...]) -> frozenset[str]:
    """The flags that are set in a rights object."""
    return frozenset(name for name in known if getattr(rights, name, None))


def _supergroup(call: Call, given: Any) -> Chat:
    chat = call.peers.channel(given)
    if chat.kind is not ChatKind.MEGAGROUP:
        raise RpcError("CHANNEL_INVALID")
    return chat


def _changed(call: Call, chat: Chat) -> Any:
    accounts = [call.world.accounts[i] for i in chat.present()]
    call.delivery.chat_changed(chat, accounts, call.conversation)
    return call.delivery.changed(call.me, chat)


def _require_free(call: Call, name: str) -> None:
    if not _USERNAME.fullmatch(name):
        raise RpcError("USERNAME_INVALID")
    if call.world.by_username(name) is not None:
        raise RpcError("USERNAME_OCCUPIED")


HANDLERS: Final[Handlers] = {
    functions.channels.GetChannelsRequest: get_channels,
    functions.channels.GetFullChannelRequest: get_full_channel,
    functions.channels.GetSendAsRequest: get_send_as,
    functions.channels.CreateChannelRequest: create_channel,
    functions.channels.EditTitleRequest: edit_title,
    functions.channels.DeleteChannelRequest: delete_channel,
    functions.channels.UpdateUsernameRequest: update_username,
    functions.channels.CheckUsernameRequest: check_username,
    functions.channels.ToggleForumRequest: toggle_forum,
    functions.channels.ToggleSlowModeRequest: toggle_slowmode,
    functions.messages.ToggleNoForwardsRequest: toggle_noforwards,
    functions.messages.EditChatDefaultBannedRightsRequest: edit_default_rights,
}

"""Basic groups: created, described, renamed, members added and removed."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, ChatKind, Member
from ..world.rendering import ADMIN_FLAGS, View
from ..world.rights import require_member
from ..world.update_events import Draft
from .base import Handlers


def create_chat(call: Call, request: Any) -> Any:
    """A new group with these people; its first message says so."""
    people = [call.peers.user(given) for given in request.users]
    if not request.title:
        raise RpcError("CHAT_TITLE_EMPTY")
    if not people:
        raise RpcError("USERS_TOO_FEW")
    me, world = call.me, call.world
    chat = Chat(
        id=world.take_group_id(), kind=ChatKind.GROUP, title=request.title, date=world.now()
    )
    for account in (me, *people):
        chat.members[account.id] = Member(
            account_id=account.id, date=chat.date, inviter_id=me.id, creator=account is me
        )
    world.add_chat(chat)
    action = types.MessageActionChatCreate(request.title, [a.id for a in people])
    happenings = call.delivery.post(chat, me, [Draft(action=action)], call.conversation)
    return types.messages.InvitedUsers(call.delivery.answer(me, happenings), [])


def add_user(call: Call, request: Any) -> Any:
    """Bring somebody in."""
    chat, account = call.peers.group(request.chat_id), call.peers.user(request.user_id)
    require_member(chat, call.me)
    if account.id in chat.present():
        raise RpcError("USER_ALREADY_PARTICIPANT")
    call.membership.add(chat, account, by=call.me, notice=True, origin=call.conversation)
    return types.messages.InvitedUsers(call.delivery.changed(call.me, chat, account), [])


def delete_user(call: Call, request: Any) -> Any:
    """Take somebody out, or oneself."""
    chat, account = call.peers.group(request.chat_id), call.peers.user(request.user_id)
    member = require_member(chat, call.me)
    target = chat.members.get(account.id)
    if target is None or not target.present:
        raise RpcError("USER_NOT_PARTICIPANT")
    if account is not call.me and not member.admin and target.inviter_id != call.me.id:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    call.membership.remove(chat, account, by=call.me, notice=True, origin=call.conversation)
    return call.delivery.changed(call.me, chat, account)


def edit_title(call: Call, request: Any) -> Any:
    """A new title, and a message that says so."""
    chat = call.peers.group(request.chat_id)
    if not require_member(chat, call.me).admin:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    chat.title = request.title
    notice = Draft(action=types.MessageActionChatEditTitle(request.title))
    return call.delivery.answer(
        call.me, call.delivery.post(chat, call.me, [notice], call.conversation)
    )


def edit_admin(call: Call, request: Any) -> bool:
    """Make somebody an administrator, or a member again."""
    chat, account = call.peers.group(request.chat_id), call.peers.user(request.user_id)
    if not require_member(chat, call.me).creator:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    target = chat.members.get(account.id)
    if target is None or not target.present:
        raise RpcError("USER_NOT_PARTICIPANT")
    target.admin_rights = frozenset(ADMIN_FLAGS) if request.is_admin else frozenset()
    call.delivery.chat_changed(chat, [account], call.conversation)
    return True


def migrate_chat(call: Call, request: Any) -> Any:
    """Make a supergroup of a group, for its creator to decide."""
    chat = call.peers.group(request.chat_id)
    if not require_member(chat, call.me).creator:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    if chat.moved_to is not None:
        raise RpcError("CHAT_ID_INVALID")
    channel = call.membership.upgrade(chat, call.me, origin=call.conversation)
    return call.delivery.changed(call.me, chat, channel)


def get_chats(call: Call, request: Any) -> Any:
    """Groups by id."""
    view = View(call.world, call.me)
    return types.messages.Chats([view.chat(call.peers.group(chat_id)) for chat_id in request.id])


def get_full_chat(call: Call, request: Any) -> Any:
    """One group, described."""
    chat = call.peers.group(request.chat_id)
    require_member(chat, call.me)
    view = View(call.world, call.me)
    view.mention(chat, *(call.world.accounts[i] for i in chat.present()))
    people = [_participant(chat.members[i]) for i in chat.present()]
    full = types.ChatFull(
        id=chat.id,
        about=chat.about,
        participants=types.ChatParticipants(chat.id, people, 1),
        notify_settings=types.PeerNotifySettings(),
    )
    return types.messages.ChatFull(full, view.chats, view.users)


def _participant(member: Member) -> Any:
    if member.creator:
        return types.ChatParticipantCreator(member.account_id)
    kind = types.ChatParticipantAdmin if member.admin else types.ChatParticipant
    return kind(member.account_id, member.inviter_id, member.date)


HANDLERS: Final[Handlers] = {
    functions.messages.CreateChatRequest: create_chat,
    functions.messages.AddChatUserRequest: add_user,
    functions.messages.DeleteChatUserRequest: delete_user,
    functions.messages.EditChatTitleRequest: edit_title,
    functions.messages.EditChatAdminRequest: edit_admin,
    functions.messages.GetChatsRequest: get_chats,
    functions.messages.MigrateChatRequest: migrate_chat,
    functions.messages.GetFullChatRequest: get_full_chat,
}

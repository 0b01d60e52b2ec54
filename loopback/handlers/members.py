"""Members of channels and supergroups: join, leave, invite, promote, restrict, list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import ChatKind, Member
from ..world.rendering import ADMIN_FLAGS, BANNED_FLAGS, View, admin_rights, banned_rights
from ..world.rights import require_admin
from .base import Handlers
from .channels import flags_of


def join_channel(call: Call, request: Any) -> Any:
    """Join a channel that has a public name."""
    chat = call.peers.channel(request.channel)
    origin = call.conversation
    if chat.approval and call.peers.member(chat) is None:
        call.membership.ask(chat, call.me)
        raise RpcError("INVITE_REQUEST_SENT")
    call.membership.add(chat, call.me, notice=True, origin=origin)
    return types.messages.ChatInviteJoinResultOk(call.delivery.changed(call.me, chat))


def leave_channel(call: Call, request: Any) -> Any:
    """Leave; its creator cannot."""
    chat = call.peers.channel(request.channel)
    member = call.peers.member(chat)
    if member is None:
        raise RpcError("USER_NOT_PARTICIPANT")
    if member.creator:
        raise RpcError("USER_CREATOR")
    call.membership.remove(chat, call.me, notice=True, origin=call.conversation)
    return call.delivery.changed(call.me, chat)


def invite(call: Call, request: Any) -> Any:
    """Bring others in; those who were banned cannot be."""
    chat = call.peers.channel(request.channel)
    if chat.kind is ChatKind.BROADCAST or "invite_users" in chat.default_banned:
        require_admin(chat, call.me, "invite_users")
    people = [call.peers.user(given) for given in request.users]
    for account in people:
        member = chat.members.get(account.id)
        if member is not None and member.kicked:
            raise RpcError("USER_KICKED")
    for account in people:
        call.membership.add(chat, account, by=call.me, notice=True, origin=call.conversation)
    return types.messages.InvitedUsers(call.delivery.changed(call.me, chat, *people), [])


def edit_admin(call: Call, request: Any) -> Any:
    """Make somebody an administrator with these rights, or with none a member again."""
    chat = call.peers.channel(request.channel)
    require_admin(chat, call.me, "add_admins")
    account = call.peers.user(request.user_id)
    call.membership.add(chat, account, by=call.me, origin=call.conversation)
    member = chat.members[account.id]
    if member.creator and account is not call.me:
        raise RpcError("USER_CREATOR")
    member.admin_rights = flags_of(request.admin_rights, ADMIN_FLAGS)
    member.rank = request.rank or None
    call.delivery.chat_changed(chat, [account], call.conversation)
    return call.delivery.changed(call.me, chat, account)


def edit_banned(call: Call, request: Any) -> Any:
    """Take rights from somebody; who may not even read is out, and stays out."""
    chat = call.peers.channel(request.channel)
    require_admin(chat, call.me, "ban_users")
    account = call.peers.user(request.participant)
    rights = flags_of(request.banned_rights, BANNED_FLAGS)
    member = chat.members.get(account.id)
    if member is not None and member.creator:
        raise RpcError("USER_ADMIN_INVALID")
    if "view_messages" in rights:
        call.membership.remove(
            chat, account, by=call.me, banned=True, notice=True, origin=call.conversation
        )
    elif member is not None:
        member.kicked = False
    if (member := chat.members.get(account.id)) is not None:
        member.banned_rights = rights - {"view_messages"}
        call.delivery.chat_changed(chat, [account], call.conversation)
    return call.delivery.changed(call.me, chat, account)


def get_participants(call: Call, request: Any) -> Any:
    """Members by kind: all, administrators, the banned, by name."""
    chat = call.peers.channel(request.channel)
    if chat.kind is ChatKind.BROADCAST:
        require_admin(chat, call.me, "invite_users")
    wanted = _FILTERS.get(type(request.filter), _present)
    name = getattr(request.filter, "q", "") or ""
    found = [
        member
        for member in chat.members.values()
        if wanted(member)
        and name.lower() in call.world.accounts[member.account_id].first_name.lower()
    ]
    page = found[request.offset : request.offset + (request.limit or 100)]
    view = View(call.world, call.me)
    view.mention(*(call.world.accounts[member.account_id] for member in page))
    participants = [participant(call, member) for member in page]
    return types.channels.ChannelParticipants(len(found), participants, view.chats, view.users)


def get_participant(call: Call, request: Any) -> Any:
    """One member."""
    chat = call.peers.channel(request.channel)
    account = call.peers.user(request.participant)
    member = chat.members.get(account.id)
    if member is None or (member.left and not member.kicked):
        raise RpcError("USER_NOT_PARTICIPANT")
    view = View(call.world, call.me)
    view.mention(chat, account)
    return types.channels.ChannelParticipant(participant(call, member), view.chats, view.users)


def participant(call: Call, member: Member) -> Any:
    """A member as a ChannelParticipant of the fitting kind."""
    mine = member.account_id == call.me.id
    if member.creator:
        return types.ChannelParticipantCreator(member.account_id, admin_rights(ADMIN_FLAGS))
    if member.kicked or member.banned_rights:
        rights = member.banned_rights | ({"view_messages"} if member.kicked else set())
        return types.ChannelParticipantBanned(
            types.PeerUser(member.account_id),
            member.inviter_id,
            member.date,
            banned_rights(rights),
            left=member.left or None,
        )
    if member.admin_rights:
        return types.ChannelParticipantAdmin(
            member.account_id,
            member.inviter_id,
            member.date,
            admin_rights(member.admin_rights),
            is_self=mine or None,
            inviter_id=member.inviter_id if mine else None,
            rank=member.rank,
        )
    if mine:
        return types.ChannelParticipantSelf(member.account_id, member.inviter_id, member.date)
    return types.ChannelParticipant(member.account_id, member.date)


def _present(member: Member) -> bool:
    return member.present


_FILTERS: Final[dict[type, Callable[[Member], bool]]] = {
    types.ChannelParticipantsAdmins: lambda m: m.present and m.admin,
    types.ChannelParticipantsKicked: lambda m: m.kicked,
    types.ChannelParticipantsBanned: lambda m: m.present and bool(m.banned_rights),
    types.ChannelParticipantsRecent: _present,
    types.ChannelParticipantsSearch: _present,
}

HANDLERS: Final[Handlers] = {
    functions.channels.JoinChannelRequest: join_channel,
    functions.channels.LeaveChannelRequest: leave_channel,
    functions.channels.InviteToChannelRequest: invite,
    functions.channels.EditAdminRequest: edit_admin,
    functions.channels.EditBannedRequest: edit_banned,
    functions.channels.GetParticipantsRequest: get_participants,
    functions.channels.GetParticipantRequest: get_participant,
}

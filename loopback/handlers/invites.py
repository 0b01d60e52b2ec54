"""Invite links: created, checked, followed; requests to be let in, and what becomes of them."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, ChatKind
from ..world.rendering import View
from ..world.rights import require_admin
from .base import Handlers


def export_invite(call: Call, request: Any) -> Any:
    """A new link; the old one is dead."""
    chat = call.peers.chat(request.peer)
    if chat.kind is ChatKind.PRIVATE:
        raise RpcError("PEER_ID_INVALID")
    require_admin(chat, call.me, "invite_users")
    chat.invite = call.world.entropy(8).hex()
    chat.approval = bool(request.request_needed)
    call.world.touch()
    link = f"https://t.me/+{chat.invite}"
    return types.ChatInviteExported(
        link,
        call.me.id,
        call.world.now(),
        permanent=not chat.approval,
        request_needed=chat.approval or None,
    )


def check_invite(call: Call, request: Any) -> Any:
    """What a link leads to."""
    chat = _invited(call, request.hash)
    view = View(call.world, call.me)
    if call.peers.member(chat) is not None:
        return types.ChatInviteAlready(view.chat(chat))
    return types.ChatInvite(
        title=chat.title,
        photo=types.PhotoEmpty(0),
        participants_count=len(chat.present()),
        color=0,
        channel=chat.is_channel or None,
        broadcast=chat.kind is ChatKind.BROADCAST or None,
        megagroup=chat.kind is ChatKind.MEGAGROUP or None,
        request_needed=chat.approval or None,
    )


def import_invite(call: Call, request: Any) -> Any:
    """Follow a link."""
    chat = _invited(call, request.hash)
    member = chat.members.get(call.me.id)
    if member is not None and member.kicked:
        raise RpcError("INVITE_HASH_EXPIRED")  # what Telegram tells those who were banned
    if chat.approval and call.peers.member(chat) is None:
        call.membership.ask(chat, call.me)
        raise RpcError("INVITE_REQUEST_SENT")
    if not call.membership.add(chat, call.me, notice=True, origin=call.conversation):
        raise RpcError("USER_ALREADY_PARTICIPANT")
    return types.messages.ChatInviteJoinResultOk(call.delivery.changed(call.me, chat))


def importers(call: Call, request: Any) -> Any:
    """Who has asked to be let in; who came by the link is not noted."""
    chat = call.peers.chat(request.peer)
    require_admin(chat, call.me, "invite_users")
    asked = list(chat.requests.items()) if request.requested else []
    view = View(call.world, call.me)
    view.mention(*(call.world.accounts[who] for who, _ in asked))
    found = [types.ChatInviteImporter(who, at, requested=True) for who, at in asked]
    return types.messages.ChatInviteImporters(len(found), found[: request.limit], view.users)


def decide(call: Call, request: Any) -> Any:
    """Let in somebody who has asked, or do not."""
    chat, account = call.peers.chat(request.peer), call.peers.user(request.user_id)
    require_admin(chat, call.me, "invite_users")
    if account.id not in chat.requests:
        raise RpcError("HIDE_REQUESTER_MISSING")
    del chat.requests[account.id]
    call.world.touch()
    if request.approved:
        call.membership.add(chat, account, notice=True, origin=call.conversation)
    call.membership.tell_requests(chat)
    return call.delivery.changed(call.me, chat, account)


def toggle_requests(call: Call, request: Any) -> Any:
    """Have newcomers of a supergroup ask, or no longer."""
    chat = call.peers.channel(request.channel)
    require_admin(chat, call.me, "ban_users")
    if chat.approval == request.enabled:
        raise RpcError("CHAT_NOT_MODIFIED")
    chat.approval = request.enabled
    call.world.touch()
    return call.delivery.changed(call.me, chat)


def _invited(call: Call, invite: str) -> Chat:
    _ = call.me
    chats = (c for c in call.world.chats.values() if c.invite == invite and not c.gone)
    found = next(chats, None)
    if not invite or found is None:
        raise RpcError("INVITE_HASH_EXPIRED" if invite else "INVITE_HASH_EMPTY")
    return found


HANDLERS: Final[Handlers] = {
    functions.messages.ExportChatInviteRequest: export_invite,
    functions.messages.CheckChatInviteRequest: check_invite,
    functions.messages.ImportChatInviteRequest: import_invite,
    functions.messages.GetChatInviteImportersRequest: importers,
    functions.messages.HideChatJoinRequestRequest: decide,
    functions.channels.ToggleJoinRequestRequest: toggle_requests,
}

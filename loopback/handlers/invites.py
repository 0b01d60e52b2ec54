"""Invite links: created, checked, followed."""

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
    call.world.touch()
    link = f"https://t.me/+{chat.invite}"
    return types.ChatInviteExported(link, call.me.id, call.world.now(), permanent=True)


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
    )


def import_invite(call: Call, request: Any) -> Any:
    """Follow a link."""
    chat = _invited(call, request.hash)
    member = chat.members.get(call.me.id)
    if member is not None and member.kicked:
        raise RpcError("INVITE_HASH_EXPIRED")  # what Telegram tells those who were banned
    if not call.membership.add(chat, call.me, notice=True, origin=call.conversation):
        raise RpcError("USER_ALREADY_PARTICIPANT")
    return types.messages.ChatInviteJoinResultOk(call.delivery.changed(call.me, chat))


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
}

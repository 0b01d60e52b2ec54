"""Rights in a chat, and the error of each refusal."""

from __future__ import annotations

import math

from ..rpc import RpcError
from .records import Account, Chat, ChatKind, Member
from .world import World


def require_member(chat: Chat, me: Account) -> Member:
    """The place of ``me`` in a chat; raises when it has none."""
    member = chat.members.get(me.id)
    if member is not None and member.present:
        return member
    if chat.kind is ChatKind.GROUP:
        raise RpcError("CHAT_WRITE_FORBIDDEN")
    if member is not None and member.kicked:
        raise RpcError("CHANNEL_PRIVATE")
    raise RpcError("CHAT_WRITE_FORBIDDEN" if chat.username else "CHANNEL_PRIVATE")


def require_send(world: World, chat: Chat, me: Account, *, media: str | None = None) -> None:
    """Raise when ``me`` may not write here; ``media`` is photos, docs or None for text."""
    if chat.kind is ChatKind.PRIVATE:
        _require_acquaintance(me, _other(world, chat, me))
        return
    if chat.moved_to is not None:
        raise RpcError("PEER_ID_INVALID")  # it is a supergroup now
    member = require_member(chat, me)
    if chat.kind is ChatKind.BROADCAST:
        if not member.creator and "post_messages" not in member.admin_rights:
            raise RpcError("CHAT_WRITE_FORBIDDEN")
        return
    if member.admin:
        return
    if "send_messages" in member.banned_rights:
        raise RpcError("USER_BANNED_IN_CHANNEL" if chat.is_channel else "CHAT_WRITE_FORBIDDEN")
    forbidden = chat.default_banned | member.banned_rights
    if "send_messages" in forbidden:
        raise RpcError("CHAT_WRITE_FORBIDDEN")
    if media is not None and f"send_{media}" in forbidden:
        raise RpcError(f"CHAT_SEND_{media.upper()}_FORBIDDEN")
    if media is not None and "send_media" in forbidden:
        raise RpcError("CHAT_SEND_MEDIA_FORBIDDEN")


def _other(world: World, chat: Chat, me: Account) -> Account:
    others = [account_id for account_id in chat.members if account_id != me.id]
    return world.accounts[others[0]] if others else me


def _require_acquaintance(me: Account, other: Account) -> None:
    """Raise when ``me`` may not write to ``other``: a bot answers, and never begins."""
    if other.id in me.blocked:
        raise RpcError("YOU_BLOCKED_USER")
    if me.bot is None:
        return
    if other.bot is not None:
        raise RpcError("USER_IS_BOT")
    if me.id in other.blocked:
        raise RpcError("USER_IS_BLOCKED")
    if other.id not in me.bot.acquainted:
        raise RpcError("PEER_ID_INVALID")


def pay(world: World, chat: Chat, me: Account, messages: int, allowed: int) -> None:
    """Take what messages cost, if whoever writes them has said that he pays it.

    Raises ALLOW_PAYMENT_REQUIRED_n with the price of one, or BALANCE_TOO_LOW.
    """
    member = chat.members.get(me.id)
    if not chat.price or (member is not None and member.admin):
        return
    if allowed < chat.price * messages:
        raise RpcError(f"ALLOW_PAYMENT_REQUIRED_{chat.price}")
    if me.stars < chat.price * messages:
        raise RpcError("BALANCE_TOO_LOW")
    me.stars -= chat.price * messages
    world.touch()


def spend_slowmode(world: World, chat: Chat, me: Account) -> None:
    """Raise SLOWMODE_WAIT_n when ``me`` has just written in a slow chat; else note the time."""
    member = chat.members.get(me.id)
    if not chat.slowmode or member is None or member.admin:
        return
    left = member.last_sent + chat.slowmode - world.clock()
    if member.last_sent and left > 0:
        raise RpcError(f"SLOWMODE_WAIT_{math.ceil(left)}")
    member.last_sent = world.clock()


def require_admin(chat: Chat, me: Account, right: str) -> Member:
    """Raise CHAT_ADMIN_REQUIRED unless ``me`` created the chat or holds the right."""
    member = require_member(chat, me)
    if not member.creator and right not in member.admin_rights:
        raise RpcError("CHAT_ADMIN_REQUIRED")
    return member


def require_edit(world: World, chat: Chat, me: Account, author: Account | None, date: int) -> None:
    """Raise when ``me`` may not edit a message of ``author`` written at ``date``."""
    member = chat.members.get(me.id)
    if chat.kind is ChatKind.BROADCAST:
        if member is None or not (member.creator or "edit_messages" in member.admin_rights):
            raise RpcError("MESSAGE_AUTHOR_REQUIRED" if author is not me else "CHAT_ADMIN_REQUIRED")
        return
    if author is not me:
        raise RpcError("MESSAGE_AUTHOR_REQUIRED")
    if me.bot is None and world.clock() - date > world.limits.edit_window:
        raise RpcError("MESSAGE_EDIT_TIME_EXPIRED")


def require_delete(chat: Chat, me: Account, author: Account | None) -> None:
    """Raise MESSAGE_DELETE_FORBIDDEN when ``me`` may not delete a message of ``author``."""
    member = chat.members.get(me.id)
    admin = member is not None and (member.creator or "delete_messages" in member.admin_rights)
    if not admin and (author is not me or chat.kind is ChatKind.BROADCAST):
        raise RpcError("MESSAGE_DELETE_FORBIDDEN")

"""Chats that an account is not in yet: invitations looked at and followed, public ones joined.

Nothing is joined unless it was asked for. Telegram counts joins, a few in an hour; a chat whose
admins let people in is asked once, and the account is in it when they have.
"""

from __future__ import annotations

from typing import Any

from telethon.errors import InviteRequestSentError, UserAlreadyParticipantError

from ...errors import JoinRequestedError, NotJoinedError
from .._tl import functions, types, utils
from ..client import Client
from .names import invitation_hash, shown_chat


async def follow(client: Client, link: str, *, join: bool, deadline: float = 30.0) -> int:
    """The chat that an invitation leads to, joined if need be and allowed; its marked id.

    Raises:
        NotJoinedError: the account is not in it, and may not, or cannot, join it here.
        JoinRequestedError: its admins have to let the account in; they have been asked.
    """
    check = functions.messages.CheckChatInviteRequest(invitation_hash(link))
    told = await client.call(check, deadline=deadline)
    if isinstance(told, types.ChatInviteAlready):
        return _marked(told.chat)
    title = told.chat.title if isinstance(told, types.ChatInvitePeek) else told.title
    asks = bool(getattr(told, "request_needed", False))
    if getattr(told, "subscription_pricing", None) is not None:
        raise NotJoinedError(shown_chat(link), title, needs="paid")
    if not join:
        raise NotJoinedError(shown_chat(link), title, needs="approval" if asks else "")
    return await enter(client, link, title, deadline=deadline)


async def enter(client: Client, link: str, title: str, *, deadline: float = 30.0) -> int:
    """Join by an invitation; the marked id.

    Raises:
        JoinRequestedError, NotJoinedError
    """
    request = functions.messages.ImportChatInviteRequest(invitation_hash(link))
    try:
        answer = await client.call(request, deadline=deadline)
    except InviteRequestSentError as exc:
        raise JoinRequestedError(shown_chat(link), title) from exc
    except UserAlreadyParticipantError:  # another hand was quicker
        check = functions.messages.CheckChatInviteRequest(invitation_hash(link))
        return _marked((await client.call(check, deadline=deadline)).chat)
    return _joined(client, answer, shown_chat(link), title)


async def join_public(client: Client, chat: int, *, deadline: float = 30.0) -> None:
    """Join a channel or supergroup that is known, if the account is not in it.

    Raises:
        JoinRequestedError, NotJoinedError
    """
    peer = client.peer(chat)
    if not isinstance(peer, types.InputPeerChannel):
        return
    channel = types.InputChannel(peer.channel_id, peer.access_hash)
    told = await client.call(functions.channels.GetChannelsRequest([channel]), deadline=deadline)
    homes = [one for one in told.chats if isinstance(one, types.Channel) and one.left]
    if not homes:
        return
    name, title = f"@{homes[0].username}", homes[0].title
    try:
        answer = await client.call(
            functions.channels.JoinChannelRequest(channel), deadline=deadline
        )
    except InviteRequestSentError as exc:
        raise JoinRequestedError(name, title) from exc
    _joined(client, answer, name, title)


def _joined(client: Client, answer: Any, link: str, title: str) -> int:
    """The chat in the answer to a join, which can be addressed from now on."""
    told = getattr(answer, "updates", None)
    if told is None or not getattr(told, "chats", None):
        raise NotJoinedError(link, title, needs="page")
    client.session.process_entities(told)
    return _marked(told.chats[0])


def _marked(home: Any) -> int:
    return int(utils.get_peer_id(home))

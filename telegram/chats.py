"""Chats of an account: rights, joining; the logout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from telethon.errors import ChatWriteForbiddenError

from ..errors import PeerUnknownError
from ._tl import functions, types, utils
from .addressing.invitations import enter, join_public
from .addressing.names import is_invitation, read_chat
from .addressing.places import locate, upgraded_to
from .client import Client
from .errors.classification import classify, error_of
from .errors.verdict import Action, ErrorClass
from .incoming import kind_of
from .sending.message_pages import fetch
from .sending.protection import person_protects
from .session import CHANNEL_MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an account may do in a chat. ``protected`` chats are not copied from.

    ``moved`` is the supergroup that a basic group was upgraded to.
    ``read`` says that the account is in it, ``gone`` that it cannot see it at all.
    """

    read: bool
    write: bool
    protected: bool = False
    gone: bool = False
    moved: int | None = None
    title: str = ""


async def access(client: Client, chat: int, *, deadline: float = 30.0) -> Access:
    """Ask Telegram what this account may do in ``chat`` (a marked id).

    Raises:
        PeerUnknownError: this account never saw the chat.
    """
    peer = client.peer(chat)
    if isinstance(peer, types.InputPeerChannel):
        wanted = types.InputChannel(peer.channel_id, peer.access_hash)
        found = await client.call(
            functions.channels.GetChannelsRequest([wanted]), deadline=deadline
        )
    elif isinstance(peer, types.InputPeerChat):
        found = await client.call(
            functions.messages.GetChatsRequest([peer.chat_id]), deadline=deadline
        )
    else:
        protected = await person_protects(client, chat, deadline=deadline)
        return Access(read=True, write=True, protected=protected)
    return _access_of(found.chats[0] if found.chats else None)


async def accesses(
    client: Client, chats: Sequence[int], *, deadline: float = 30.0
) -> dict[int, Access]:
    """Ask what this account may do in several chats: one call for up to a hundred channels.

    Chats that this account never saw are missing from the answer.
    """
    found: dict[int, Access] = {}
    channels: dict[int, Any] = {}
    for chat in dict.fromkeys(chats):
        try:
            peer = client.peer(chat)
        except PeerUnknownError:
            continue
        if isinstance(peer, types.InputPeerChannel):
            channels[chat] = types.InputChannel(peer.channel_id, peer.access_hash)
        else:
            try:
                found[chat] = await access(client, chat, deadline=deadline)
            except Exception as error:
                if classify(error).kind is not ErrorClass.PAIR:
                    raise  # one chat's own trouble is no reason not to look at the others
    for chat, home in (await _homes(client, channels, deadline)).items():
        found[chat] = _access_of(home)
    return found


async def _homes(client: Client, channels: dict[int, Any], deadline: float) -> dict[int, Any]:
    """The channels as they are; ``None`` for what cannot be seen any more."""
    if not channels:
        return {}
    try:
        answer = await client.call(
            functions.channels.GetChannelsRequest(list(channels.values())), deadline=deadline
        )
    except Exception as error:
        verdict = classify(error)
        if verdict.kind is not ErrorClass.PAIR:
            raise
        if len(channels) == 1:
            # One that is not taken by its access hash may well be there: it is left out.
            void = verdict.action is Action.RESOLVE_PEER
            return {} if void else dict.fromkeys(channels)
        apart = [await _homes(client, {chat: at}, deadline) for chat, at in channels.items()]
        return {chat: home for one in apart for chat, home in one.items()}
    told = {utils.get_peer_id(home): home for home in answer.chats}
    return {chat: told.get(chat) for chat in channels}


async def refusal_of(
    client: Client,
    chat: int,
    error: Exception,
    *,
    changed: Sequence[int],
    deadline: float = 30.0,
) -> Exception:
    """Return what is behind ``error``, by which Telegram refused to have messages changed.

    It says so of another account's message, and of one's own where the account has lost its right.
    A right that is back by now had been lost: the same may be tried again.
    """
    if not (await access(client, chat, deadline=deadline)).write:
        lost: Exception = ChatWriteForbiddenError(None)
        return lost
    there = await fetch(client, chat, changed, deadline=deadline)
    if not any(one.outgoing for one in there):
        return error
    return error_of(replace(classify(error), action=Action.RETRY), session=client.name)


async def join(client: Client, place: str, *, deadline: float = 30.0) -> int:
    """Join a public chat by its name or link, or a private one by its invitation.

    Returns the marked id. Telegram counts joins: a few in an hour.

    Raises:
        ValueError: it is no chat's name.
        JoinRequestedError: its admins have to let the account in; they have been asked.
        NotJoinedError: it cannot be joined from here.
    """
    try:
        chat = read_chat(place).chat
    except ValueError as exc:
        raise ValueError(f"{place!r} is no chat's name or link; {exc}") from None
    if isinstance(chat, str) and is_invitation(chat):
        return await enter(client, chat, "the chat", deadline=deadline)
    found = (await locate(client, [chat], deadline=deadline))[chat]
    if isinstance(found, Exception):
        raise found
    await join_public(client, found, deadline=deadline)
    return found


def server_time_request() -> Any:
    """A request whose answer carries Telegram's time as ``date``."""
    return functions.help.GetConfigRequest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A chat of an account, as its list has it; ``id`` is marked, as pairs take it."""

    id: int
    username: str | None
    title: str
    kind: str


def dialogs_request(limit: int) -> Any:
    """A request for the newest chats of an account; see ``dialogs_in``."""
    return functions.messages.GetDialogsRequest(
        offset_date=None, offset_id=0, offset_peer=types.InputPeerEmpty(), limit=limit, hash=0
    )


def dialogs_in(answer: Any) -> tuple[Dialog, ...]:
    """The chats in the answer, newest first."""
    homes = {utils.get_peer_id(home): home for home in (*answer.users, *answer.chats)}
    chats = (one for one in answer.dialogs if isinstance(one, types.Dialog))
    found = (utils.get_peer_id(one.peer) for one in chats)
    return tuple(_dialog(chat, homes[chat]) for chat in dict.fromkeys(found) if chat in homes)


def _dialog(chat: int, home: Any) -> Dialog:
    match home:
        case types.User():
            kind = "bot" if home.bot else "person"
        case types.Channel() | types.ChannelForbidden():
            kind = "supergroup" if home.megagroup else "channel"
        case _:
            kind = "group"
    username = getattr(home, "username", None)
    return Dialog(id=chat, username=username, title=utils.get_display_name(home), kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMessage:
    """A message as it is at Telegram now. ``link`` opens it there, for who is in the chat."""

    kind: str
    text: str = field(repr=False)
    at: float
    edited: float | None
    link: str


def message_request(chat: int, message: int) -> Any:
    """A request for one message of a chat (a marked id); see ``message_in``."""
    wanted = [types.InputMessageID(message)]
    if chat < -CHANNEL_MARK:
        return functions.channels.GetMessagesRequest(channel=chat, id=wanted)
    return functions.messages.GetMessagesRequest(id=wanted)


def message_in(answer: Any) -> ReadMessage | None:
    """The message in the answer; ``None`` if it is gone."""
    found = next((one for one in answer.messages if isinstance(one, types.Message)), None)
    if found is None:
        return None
    homes = {utils.get_peer_id(home): home for home in answer.chats}
    return ReadMessage(
        kind=kind_of(found),
        text=found.message,
        at=found.date.timestamp(),
        edited=None if found.edit_date is None else found.edit_date.timestamp(),
        link=_link(homes.get(utils.get_peer_id(found.peer_id)), found.id),
    )


def _link(home: Any, message: int) -> str:
    """Telegram's own link; messages outside channels and supergroups have none."""
    if not isinstance(home, types.Channel):
        return ""
    return f"https://t.me/{home.username or f'c/{home.id}'}/{message}"


def own_user_request() -> Any:
    """A request that only a login which is good is answered: who one is."""
    return functions.users.GetUsersRequest([types.InputUserSelf()])


async def log_out(client: Client, *, deadline: float = 30.0) -> bytes | None:
    """End the authorisation at Telegram; see ``Client.log_out``."""
    return await client.log_out(deadline=deadline)


def _access_of(home: Any) -> Access:
    gone = types.ChannelForbidden | types.ChatForbidden | types.ChatEmpty
    if home is None or isinstance(home, gone):
        return Access(read=False, write=False, gone=True, title=getattr(home, "title", None) or "")
    outside = home.left and not getattr(home, "monoforum", False)  # whoever writes there is in it
    inside = not outside and not getattr(home, "deactivated", False)
    return Access(
        read=inside,
        write=inside and _may_write(home),
        protected=bool(getattr(home, "noforwards", False)),
        moved=upgraded_to(home),
        title=home.title,
    )


def _may_write(home: Any) -> bool:
    broadcast = bool(getattr(home, "broadcast", False))
    if home.creator:
        return True
    if home.admin_rights is not None:
        return not broadcast or bool(home.admin_rights.post_messages)
    bans = (getattr(home, "banned_rights", None), home.default_banned_rights)
    return not broadcast and not any(ban is not None and ban.send_messages for ban in bans)

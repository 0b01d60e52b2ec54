"""The tools that only look. Their docstrings are what a model reads of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field
from telethon import functions, types, utils

from .results import (
    TEXT_IN_A_LIST,
    ChatInfo,
    Dialog,
    Dialogs,
    Message,
    MessageInContext,
    Messages,
    Sessions,
)
from .sessions import NotUsableError, SharedSessions, peer_of_chat

MOST: Final = 100  # messages or chats in one answer
AROUND: Final = 20  # messages before one, and after it

Session = Annotated[
    str | None, Field(description="as list_sessions has it; may be left out where there is one")
]
ChatName = Annotated[
    str,
    Field(description="an id or @name as list_chats has it, a t.me link, or me", max_length=256),
]
MessageId = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=1, le=MOST)]


class Reading:
    """The tools of a server that only looks.

    Args:
        sessions: those that it may use.
        may_write: whether there are tools that write beside these.
    """

    def __init__(self, sessions: SharedSessions, *, may_write: bool) -> None:
        self._sessions, self._may_write = sessions, may_write

    async def list_sessions(self) -> Sessions:
        """List the Telegram accounts that can be used here."""
        return Sessions(
            program=self._sessions.program,
            sessions=list(self._sessions.names),
            may_write=self._may_write,
        )

    async def list_chats(self, session: Session = None, limit: Count = 30) -> Dialogs:
        """List an account's chats, those with the newest messages first."""
        name = self._sessions.name(session)
        client = await self._sessions.client(name)
        found = await client.get_dialogs(limit=limit)
        return Dialogs(session=name, chats=[_dialog(one) for one in found])

    async def get_chat(self, chat: ChatName, session: Session = None) -> ChatInfo:
        """Tell what a chat is: its kind, title, description and number of members."""
        name = self._sessions.name(session)
        client = await self._sessions.client(name)
        entity = await client.get_entity(await peer_of_chat(client, chat))
        full = await _full(client, entity)
        members = getattr(full, "participants_count", None)
        return ChatInfo(
            session=name,
            **_chat(entity),
            untrusted_about=getattr(full, "about", None) or "",
            members=members or getattr(entity, "participants_count", None),
            protected=bool(getattr(entity, "noforwards", False)),
        )

    async def read_messages(
        self,
        chat: ChatName,
        session: Session = None,
        limit: Count = 20,
        before_id: Annotated[
            MessageId | None, Field(description="only messages older than this one")
        ] = None,
        search: Annotated[
            str | None, Field(description="only messages with these words", max_length=256)
        ] = None,
    ) -> Messages:
        """Read a chat's messages, newest first; long ones are cut. Marks nothing as read."""
        name = self._sessions.name(session)
        client = await self._sessions.client(name)
        peer = await peer_of_chat(client, chat)
        found = await client.get_messages(
            peer, limit=limit, offset_id=before_id or 0, search=search or None
        )
        return Messages(
            session=name,
            chat_id=utils.get_peer_id(peer),
            messages=[_message(one, most=TEXT_IN_A_LIST) for one in found],
            before_id=found[-1].id if len(found) == limit else None,
        )

    async def read_message(
        self,
        chat: ChatName,
        message_id: MessageId,
        session: Session = None,
        around: Annotated[
            int, Field(ge=0, le=AROUND, description="messages before it and after it")
        ] = 5,
    ) -> MessageInContext:
        """Read one message in full, with what it answers and what was said around it."""
        name = self._sessions.name(session)
        client = await self._sessions.client(name)
        peer = await peer_of_chat(client, chat)
        message = await message_of(client, peer, message_id)
        answered = message.reply_to_msg_id
        answers = await client.get_messages(peer, ids=answered) if answered else None
        older: list[Any] = []
        newer: list[Any] = []
        if around:
            older = await client.get_messages(peer, limit=around, offset_id=message_id)
            newer = await client.get_messages(peer, limit=around, min_id=message_id, reverse=True)
        return MessageInContext(
            session=name,
            chat_id=utils.get_peer_id(peer),
            message=_message(message),
            answers=None if answers is None else _message(answers, most=TEXT_IN_A_LIST),
            before=[_message(one, most=TEXT_IN_A_LIST) for one in reversed(older)],
            after=[_message(one, most=TEXT_IN_A_LIST) for one in newer],
        )


async def message_of(client: Any, peer: Any, message_id: int) -> Any:
    """One message.

    Raises:
        NotUsableError: there is none.
    """
    found = await client.get_messages(peer, ids=message_id)
    if found is None:
        raise NotUsableError(
            f"the chat has no message {message_id}, or it was deleted; read_messages has the ids"
        )
    return found


async def _full(client: Any, entity: Any) -> Any:
    kind = type(entity)
    if kind is types.Channel:
        told = await client(functions.channels.GetFullChannelRequest(entity))
        return told.full_chat
    if kind is types.Chat:
        told = await client(functions.messages.GetFullChatRequest(entity.id))
        return told.full_chat
    told = await client(functions.users.GetFullUserRequest(entity))
    return told.full_user


def _dialog(found: Any) -> Dialog:
    last = None if found.message is None else found.message.date
    return Dialog(**_chat(found.entity), unread=found.unread_count, last_message_at=last)


def _chat(entity: Any) -> dict[str, Any]:
    return {
        "id": utils.get_peer_id(entity),
        "kind": _kind(entity),
        "username": getattr(entity, "username", None),
        "untrusted_title": utils.get_display_name(entity),
    }


def _kind(entity: Any) -> str:
    if isinstance(entity, types.User):
        return "bot" if entity.bot else "user"
    return "channel" if getattr(entity, "broadcast", False) else "group"


def _message(found: Any, *, most: int | None = None) -> Message:
    text = found.raw_text or ""
    sender = found.sender
    media = found.media
    return Message(
        id=found.id,
        date=found.date,
        outgoing=bool(found.out),
        sender_id=found.sender_id,
        reply_to=found.reply_to_msg_id,
        media=None if media is None else _media(media),
        untrusted_sender=found.post_author
        or ("" if sender is None else utils.get_display_name(sender)),
        untrusted_text=text[:most],
        text_is_cut=most is not None and len(text) > most,
    )


def _media(media: Any) -> str:
    """Its kind: Telethon's name of it without what all have in common."""
    return type(media).__name__.removeprefix("MessageMedia").lower()

"""The tools that change something. Their docstrings are what a model reads of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from telethon import utils

from .reading import ChatName, MessageId, Session, message_of
from .results import Done, Sent
from .sessions import SharedSessions, peer_of_chat

Text = Annotated[
    str, Field(min_length=1, max_length=4096, description="plain text, as people will see it")
]


class Writing:
    """The tools of a server that may write, too.

    Args:
        sessions: those that it may use.
    """

    def __init__(self, sessions: SharedSessions) -> None:
        self._sessions = sessions

    async def send_message(self, chat: ChatName, text: Text, session: Session = None) -> Sent:
        """Send a message as this account; others see it at once."""
        name, client, peer = await self._at(chat, session)
        sent = await client.send_message(peer, text, parse_mode=None)
        return _sent(name, peer, sent)

    async def reply_to_message(
        self, chat: ChatName, message_id: MessageId, text: Text, session: Session = None
    ) -> Sent:
        """Answer one message as this account; others see it at once."""
        name, client, peer = await self._at(chat, session)
        await message_of(client, peer, message_id)
        sent = await client.send_message(peer, text, parse_mode=None, reply_to=message_id)
        return _sent(name, peer, sent)

    async def edit_message(
        self, chat: ChatName, message_id: MessageId, text: Text, session: Session = None
    ) -> Sent:
        """Put another text in place of a message of this account's own."""
        name, client, peer = await self._at(chat, session)
        await message_of(client, peer, message_id)
        edited = await client.edit_message(peer, message_id, text, parse_mode=None)
        return _sent(name, peer, edited)

    async def mark_read(
        self,
        chat: ChatName,
        session: Session = None,
        up_to_id: Annotated[
            MessageId | None, Field(description="the newest to be read; all, if left out")
        ] = None,
    ) -> Done:
        """Mark a chat's messages as read; those who wrote them may see that."""
        name, client, peer = await self._at(chat, session)
        await client.send_read_acknowledge(peer, max_id=up_to_id)
        return Done(session=name, chat_id=utils.get_peer_id(peer), done="marked as read")

    async def _at(self, chat: str, session: str | None) -> tuple[str, Any, Any]:
        name = self._sessions.name(session)
        client = await self._sessions.client(name)
        return name, client, await peer_of_chat(client, chat)


def _sent(session: str, peer: Any, sent: Any) -> Sent:
    return Sent(
        session=session,
        chat_id=utils.get_peer_id(peer),
        id=sent.id,
        date=sent.edit_date or sent.date,
    )

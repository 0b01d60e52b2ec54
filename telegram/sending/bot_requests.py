"""Requests of a bot: messages with buttons, edits, answers to pressed ones, its menu.

Leaves forwarding to ``requests``: a bot writes what it has made itself, to whom has written to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .._tl import functions, types
from ..client import Client

MESSAGE_UNITS: Final = 4096  # UTF-16 units of one message; Telegram's limit
DATA_BYTES: Final = 64  # of what a button carries; the same
MENU_DESCRIPTION: Final = 256  # characters; https://core.telegram.org/bots/api#botcommand


@dataclass(frozen=True, slots=True)
class ChatButton:
    """A button below a message; pressed, it hands ``data`` back."""

    text: str
    data: str


Keyboard = Sequence[Sequence[ChatButton]]
"""The buttons of a message, row by row."""


def bot_message_request(
    client: Client, chat: int, text: str, *, random_id: int, keyboard: Keyboard = ()
) -> Any:
    """Build a message to ``chat`` (a marked id).

    Raises:
        PeerUnknownError: the bot never met the chat.
    """
    return functions.messages.SendMessageRequest(
        peer=client.peer(chat),
        message=text,
        random_id=random_id,
        no_webpage=True,
        reply_markup=_markup(keyboard),
    )


def bot_edit_request(
    client: Client, chat: int, message: int, text: str, *, keyboard: Keyboard = ()
) -> Any:
    """Build the change of a message of the bot's own; buttons that are not given go."""
    return functions.messages.EditMessageRequest(
        peer=client.peer(chat),
        id=message,
        message=text,
        no_webpage=True,
        reply_markup=_markup(keyboard),
    )


def unsend_request(message: int) -> Any:
    """Build the deletion of one message of a private chat, for both sides."""
    return functions.messages.DeleteMessagesRequest(id=[message], revoke=True)


def press_answer_request(query: int, text: str = "") -> Any:
    """Build the answer to a pressed button; who pressed it waits until there is one."""
    return functions.messages.SetBotCallbackAnswerRequest(
        query_id=query, cache_time=0, message=text or None, alert=bool(text) or None
    )


def menu_request(client: Client, chat: int, commands: Sequence[tuple[str, str]]) -> Any:
    """Build the menu that one person is shown: commands, each with its description."""
    return functions.bots.SetBotCommandsRequest(
        scope=types.BotCommandScopePeer(client.peer(chat)),
        lang_code="",
        commands=[types.BotCommand(name, told[:MENU_DESCRIPTION]) for name, told in commands],
    )


async def meet_again(client: Client, user: int) -> bool:
    """Learn the address of a person who wrote to the bot in an earlier life of this process.

    Returns whether there is such a person: to nobody else may a bot write.
    """
    found = await client.call(functions.users.GetUsersRequest([types.InputUser(user, 0)]))
    return any(isinstance(one, types.User) for one in found)


def message_id_of(answer: Any) -> int | None:
    """The number of the message that was sent; ``None`` if the answer does not tell it."""
    if isinstance(answer, types.UpdateShortSentMessage):
        return int(answer.id)
    updates = getattr(answer, "updates", ())
    return next((one.id for one in updates if isinstance(one, types.UpdateMessageID)), None)


def _markup(keyboard: Keyboard) -> Any:
    rows = [
        types.KeyboardInlineButtonRow(
            [
                types.KeyboardInlineButton(
                    one.text, types.InlineButtonTypeCallback(one.data.encode())
                )
                for one in row
            ]
        )
        for row in keyboard
    ]
    return types.ReplyInlineMarkup(rows) if rows else None

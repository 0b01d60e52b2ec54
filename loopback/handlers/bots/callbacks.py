"""Pressed buttons: asked by a person, told to the bot, answered by the bot."""

from __future__ import annotations

from typing import Any, Final

from ..._tl import functions, types
from ...call import Call
from ...rpc import LateAnswer, RpcError
from ...world.callback_queries import CallbackQuery
from ...world.records import Message
from ...world.rendering import View
from ..base import Handlers, find_message, units
from . import keyboards

_LONGEST: Final = 200  # characters of an answer


def get_answer(call: Call, request: Any) -> LateAnswer:
    """Press a button; the answer comes when the bot gives one, or BOT_RESPONSE_TIMEOUT."""
    message = find_message(call, call.peers.chat(request.peer), request.msg_id)
    if message is None or message.author is None or message.author.bot is None:
        raise RpcError("MESSAGE_ID_INVALID")
    if not _has_button(message, request.data):
        raise RpcError("DATA_INVALID")
    query = CallbackQuery(id=call.world.random_long(), bot_id=message.author.id)
    queries = call.world.callback_queries
    queries[query.id] = query
    view = View(call.world, message.author)
    update = types.UpdateBotCallbackQuery(
        query_id=query.id,
        user_id=call.me.id,
        peer=view.peers.peer_of(message.chat),
        msg_id=message.id_for(message.author.id),
        chat_instance=call.world.access_hash(None, message.chat.id or message.author.id),
        data=request.data,
    )
    call.delivery.tell([message.author], [update], call.me, message.chat)

    def given_up() -> None:
        if queries.pop(query.id, None) is not None:
            query.answer.settle(RpcError("BOT_RESPONSE_TIMEOUT"))

    call.centre.later(call.world.limits.callback_answer, given_up)
    return query.answer


def set_answer(call: Call, request: Any) -> bool:
    """Answer who pressed a button, once and in time."""
    query = call.world.callback_queries.get(request.query_id)
    if query is None or query.bot_id != call.me.id:
        raise RpcError("QUERY_ID_INVALID")
    if units(request.message or "") > _LONGEST:
        raise RpcError("MESSAGE_TOO_LONG")
    if request.url is not None and not _is_own(call, request.url):
        raise RpcError("URL_INVALID")
    del call.world.callback_queries[query.id]
    query.answer.settle(
        types.messages.BotCallbackAnswer(
            cache_time=request.cache_time,
            alert=request.alert,
            has_url=request.url is not None or None,
            message=request.message,
            url=request.url,
        )
    )
    return True


def _has_button(message: Message, data: bytes | None) -> bool:
    markup = message.further.get("reply_markup")
    if not isinstance(markup, types.ReplyInlineMarkup):
        return False
    return any(
        isinstance(button.type, types.InlineButtonTypeCallback) and button.type.data == data
        for button in keyboards.buttons(markup)
    )


def _is_own(call: Call, url: str) -> bool:
    """Whether an address is of the bot itself: others an answer may not open."""
    return url.startswith(f"https://t.me/{call.me.username}?")


HANDLERS: Final[Handlers] = {
    functions.messages.GetBotCallbackAnswerRequest: get_answer,
    functions.messages.SetBotCallbackAnswerRequest: set_answer,
}

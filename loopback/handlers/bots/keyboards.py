"""Buttons below messages, as bots hand them in. Pure but for the limits.

What Telegram allows: https://core.telegram.org/bots/api#inlinekeyboardbutton.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..._tl import types
from ...call import Call
from ...rpc import RpcError

_DATA: Final = 64  # bytes of a button's data
_BUTTONS: Final = 100  # of one keyboard
_URL: Final = re.compile(r"(?:https?|tg|ton)://\S+|[^\s/:]+\.[^\s/:]+\S*")
_FOR_REPLIES: Final = (
    types.ReplyKeyboardMarkup,
    types.ReplyKeyboardHide,
    types.ReplyKeyboardForceReply,
)


def markup_of(call: Call, given: Any) -> Any:
    """The buttons of a message as they are told; None for none, and for what a person sends."""
    if given is None or call.me.bot is None:
        return None
    if isinstance(given, _FOR_REPLIES):
        return given
    if not isinstance(given, types.ReplyInlineMarkup):
        raise RpcError("REPLY_MARKUP_INVALID")
    found = list(buttons(given))
    if len(found) > _BUTTONS:
        raise RpcError("REPLY_MARKUP_TOO_LONG")
    for button in found:
        _check(button)
    return given if found else None


def with_markup(call: Call, further: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """A message's further fields after an edit: a keyboard that is not repeated goes."""
    if isinstance(given, _FOR_REPLIES):
        raise RpcError("REPLY_MARKUP_INVALID")
    if call.me.bot is None:
        return dict(further)
    kept = {name: value for name, value in further.items() if name != "reply_markup"}
    markup = markup_of(call, given)
    return kept if markup is None else kept | {"reply_markup": markup}


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two messages have the same buttons."""
    return _packed(one) == _packed(other)


def buttons(markup: Any) -> Iterator[Any]:
    """The buttons of an inline keyboard."""
    for row in markup.rows:
        yield from row.buttons


def _check(button: Any) -> None:
    if not isinstance(button, types.KeyboardInlineButton):
        raise RpcError("REPLY_MARKUP_INVALID")
    if not button.text.strip():
        raise RpcError("BUTTON_TEXT_INVALID")
    match button.type:
        case types.InlineButtonTypeCallback(data=data):
            if not 1 <= len(data) <= _DATA:
                raise RpcError("BUTTON_DATA_INVALID")
        case types.InlineButtonTypeUrl(url=url):
            if _URL.fullmatch(url) is None:
                raise RpcError("BUTTON_URL_INVALID")
        case types.InlineButtonTypeCopy():
            pass
        case _:  # games, payments, logins: not played
            raise RpcError("BUTTON_TYPE_INVALID")


def _packed(further: Mapping[str, Any]) -> bytes | None:
    markup = further.get("reply_markup")
    return None if markup is None else bytes(markup)

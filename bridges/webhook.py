"""The signed webhook: each message of a pair as one POST, until it is taken.

Headers and signature are those of Standard Webhooks (https://www.standardwebhooks.com), so that
receivers can check them with its libraries. ``webhook-id`` is the same for every try of the same
action: a receiver that keeps it takes nothing twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..actors import HandlerRequest
from ..errors import (
    HandlerBusyError,
    HandlerClosedError,
    HandlerRefusedError,
    NotifySupportMissingError,
)
from ..notify.webhooks import Taken, WebhookClient, answer_of, headers_of, key_of
from ..telegram import Incoming, RichText
from .options import Options

KNOWN: Final = ("secret", "url")
CLOSED: Final = frozenset({301, 302, 307, 308, 401, 403, 404, 405, 410})
"""Answers about the address or the secret: the next message would get them, too."""
MOST_READ: Final = 65_536  # bytes of an answer; a number is all that is looked for
WITHIN: Final = 30.0  # seconds for one try


class WebhookHandler:
    """Posts a pair's messages, edits and deletions to a URL.

    The answer may be JSON with a whole number as ``id``: it comes back with the message's edit or
    deletion, and with what answers it.

    Args:
        options: ``url``, and ``secret`` by its place (``{ env = "NAME" }``).
        wall: reads the clock in epoch seconds.
    """

    def __init__(
        self, options: Mapping[str, Any], *, wall: Callable[[], float] = time.time
    ) -> None:
        self._url, self._secret = _read(options)
        self._wall = wall
        self._client = WebhookClient()

    def __repr__(self) -> str:
        return "<WebhookHandler>"  # an address may be a secret

    @staticmethod
    def check_options(options: Mapping[str, Any]) -> None:
        """Raise ``HandlerOptionsError`` for options that cannot be used."""
        _read(options)

    async def deliver(self, request: HandlerRequest) -> int | None:
        """Do it; returns the receiver's number of a new message, if it gives one."""
        status, retry_after, answer = await self._post(request)
        found = answer_of(status, retry_after)
        if found.taken is Taken.YES:
            return _number(answer) if request.action == "post" else None
        if status in CLOSED:
            raise HandlerClosedError(f"{found.reason}; look at the address and the secret")
        if found.taken is Taken.REFUSED:
            raise HandlerRefusedError(found.reason)
        if found.pause is not None:
            raise HandlerBusyError("the receiver", found.pause)
        raise ConnectionError(found.reason)

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    async def _post(self, request: HandlerRequest) -> tuple[int, str, bytes]:
        at = self._wall()
        body = body_of(request, at=at)
        headers = headers_of(request.key, body, self._secret, at=at)
        try:
            return await self._client.exchange(
                self._url, body, headers, timeout=WITHIN, most=MOST_READ
            )
        except NotifySupportMissingError as error:
            raise HandlerClosedError(str(error)) from error


def _read(options: Mapping[str, Any]) -> tuple[str, str]:
    read = Options("webhook", options)
    url, secret = read.text("url"), read.secret("secret")
    read.done(KNOWN)
    if not url.startswith(("http://", "https://")):
        raise read.wrong("url", "is no address; give one that begins with https://")
    if secret is None:
        raise read.wrong("secret", 'is missing; name its place: secret = { env = "NAME" }')
    try:
        key_of(secret)
    except ValueError as error:
        raise read.wrong("secret", str(error)) from None
    return url, secret


def body_of(request: HandlerRequest, *, at: float) -> str:
    """What is sent: what is to be done, and the messages with their texts and entities.

    Args:
        at: when, in epoch seconds.
    """
    data = {
        "pair": request.pair,
        "messages": [_message(one, request.said(one)) for one in request.messages],
        "receipts": {str(number): receipt for number, receipt in request.receipts.items()},
        "answers": request.answers,
    }
    stamp = datetime.fromtimestamp(at, UTC).isoformat()
    return json.dumps({"type": f"message.{request.action}", "timestamp": stamp, "data": data})


def _message(message: Incoming, text: RichText) -> dict[str, Any]:
    return {
        "chat": message.chat,
        "id": message.id,
        "date": message.date.isoformat(),
        "edited": None if message.edited is None else message.edited.isoformat(),
        "text": text.text,
        "entities": [_entity(mark) for mark in text.marks],
        "kind": message.kind,
        "sender": message.sender,
        "album": message.grouped_id,
        "reply_to": message.reply_to,
        "topic": message.topic,
        "silent": message.silent,
    }


def _entity(mark: Any) -> dict[str, Any]:
    """An entity by the name that Telegram gives it; place and length in UTF-16 units."""
    kind = type(mark).__name__.removeprefix("MessageEntity")
    found = {"type": kind, "offset": mark.offset, "length": mark.length}
    more = {name: getattr(mark, name, None) for name in ("url", "language", "user_id")}
    return found | {name: value for name, value in more.items() if isinstance(value, str | int)}


def _number(answer: bytes) -> int | None:
    try:
        number = json.loads(answer)["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return int(number) if str(number).isdecimal() else None

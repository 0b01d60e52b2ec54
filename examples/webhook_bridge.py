"""From Telegram to a Discord-style webhook, and from a webhook back to Telegram.

Two halves. ``WebhookHandler`` is a pair's handler: it posts what is said in a chat to a webhook
(``POST {"content": ...}``, answered with the new message's id; ``PATCH`` and ``DELETE`` on
``/messages/<id>`` edit and delete it), so it works with Discord's own webhooks. ``into_telegram``
goes the other way: it takes what a webhook receiver was handed and sends it into a chat, with a
random id that is a function of the message's id, so that a webhook that is delivered twice arrives
once.

A package of yours offers the handler to every warden on the machine with two lines of packaging::

    [options.entry_points]
    telewarden.handlers =
        webhook = your_package:WebhookHandler

and a pair uses it::

    [[pairs]]
    id = 1
    session = "alice"
    source = "@news_in"
    handler = "webhook"
    options = { url = "http://127.0.0.1:8080/hook" }

Without packaging, hand it to the warden: ``Warden(config, handlers={"webhook": WebhookHandler})``.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from telethon import functions

from telewarden import SessionHandle
from telewarden.actors import HandlerRequest
from telewarden.errors import HandlerRefusedError
from telewarden.telegram import ErrorClass, classify, random_id_for

REFUSALS = frozenset({400, 401, 403, 404, 413})  # answers that trying again does not change


class WebhookHandler:
    """Posts a pair's messages to a webhook, edits and deletes them there.

    Args:
        options: ``url`` of the webhook; ``name`` that the messages are shown under.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._url, self._name = str(options["url"]), str(options.get("name", "Telegram"))

    async def deliver(self, request: HandlerRequest) -> int | None:
        """Do it; returns the webhook's id of a new message."""
        match request.action:
            case "post":
                answer = await self._ask("POST", "?wait=true", request)
                return int(answer["id"])
            case "edit":
                for number in request.receipts.values():
                    await self._ask("PATCH", f"/messages/{number}", request)
            case "delete":
                for number in request.receipts.values():
                    await self._ask("DELETE", f"/messages/{number}", request)
        return None

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _ask(self, method: str, path: str, request: HandlerRequest) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the operator names the address
            self._url + path,
            method=method,
            data=json.dumps({"content": _content(request), "username": self._name}).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": request.key},
        )
        # urllib blocks: a thread has it, so that the loop goes on.
        return await asyncio.to_thread(_open, request)


async def into_telegram(session: SessionHandle, chat: str, message: Mapping[str, Any]) -> None:
    """Send what a webhook receiver was handed into ``chat`` (``@name``); twice changes nothing.

    A pair that carries ``chat`` to the webhook has this account among its ``deny.senders``: what
    it says itself is heard like everything else.
    """
    random_id = random_id_for("webhook", 0, int(message["id"]))
    request = functions.messages.SendMessageRequest(
        peer=chat, message=str(message["content"]), random_id=random_id
    )
    try:
        await session.call(request)
    except Exception as error:
        if classify(error).kind is not ErrorClass.DELIVERED:
            raise


def _content(request: HandlerRequest) -> str:
    media = [one.kind for one in request.messages if one.has_media]
    shown = f"[{', '.join(media)}]" if media else ""
    return " ".join(part for part in (request.text, shown) if part)


def _open(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            body = answer.read()
    except urllib.error.HTTPError as error:
        if error.code in REFUSALS:
            raise HandlerRefusedError(f"the webhook answers {error.code}") from error
        raise
    return json.loads(body) if body else None

"""Webhooks: an app's own events over HTTP, signed, until they are taken.

Owns signature, body, and what an answer means. Headers and signature are those of Standard Webhooks
(https://www.standardwebhooks.com), so that receivers can check them with its libraries.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final

from .._version import __version__
from ..errors import NotifySupportMissingError
from ..metrics import fields_of, sentence
from ..supervision import Event
from .hushed import hushed

PREFIX: Final = "whsec_"
LEAST_KEY: Final = 24  # bytes; the standard's least
WAITS: Final = frozenset({408, 425, 429})  # of the answers that refuse, those that mean "later"
LONGEST_ASKED: Final = 3600.0  # seconds that a Retry-After is obeyed for


class Taken(Enum):
    """What has become of a try."""

    YES = auto()
    LATER = auto()  # nobody there, or busy
    REFUSED = auto()  # this very event is not liked


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver made of an event: why it did not take it, and the pause it asked for."""

    taken: Taken
    reason: str = ""
    pause: float | None = None


def body_of(event: Event, *, kind: str, at: float) -> str:
    """An event as the body of a webhook; no secret is in an event."""
    data = {**fields_of(event), "at": at, "says": sentence(event)}
    stamp = datetime.fromtimestamp(at, UTC).isoformat()
    return json.dumps({"type": kind, "timestamp": stamp, "data": data})


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 behind ``whsec_``, or any other text as it is.

    Raises:
        ValueError: it is too short, or no base64.
    """
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"behind {PREFIX} there is no base64") from None
    if len(key) < LEAST_KEY:
        raise ValueError(f"it has {len(key)} bytes; give {LEAST_KEY} or more")
    return key


def headers_of(number: str, body: str, secret: str, *, at: float) -> Mapping[str, str]:
    """The headers of one try: id, time, and the signature over id, time and body."""
    stamp = str(int(at))
    signed = f"{number}.{stamp}.{body}".encode()
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": f"telewarden/{__version__}",
        "webhook-id": number,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def answer_of(status: int, retry_after: str = "") -> Answer:
    """What a status means."""
    if 200 <= status < 300:
        return Answer(Taken.YES)
    reason = f"the receiver answered {status}"
    if status in WAITS or status >= 500:
        asked = float(retry_after) if retry_after.isdecimal() else None
        return Answer(Taken.LATER, reason, None if asked is None else min(asked, LONGEST_ASKED))
    return Answer(Taken.REFUSED, reason)  # a redirect, too: an address that moved is for a person


class WebhookClient:
    """Sends over HTTP; made in a thread, as certificates are read."""

    def __init__(self) -> None:
        self._client: Any = None

    async def post(
        self, url: str, body: str, headers: Mapping[str, str], *, timeout: float
    ) -> Answer:
        """Send once; only the head of the answer is read.

        Raises:
            NotifySupportMissingError: httpx is not installed.
        """
        httpx = _httpx()
        try:
            status, retry_after, _ = await self.exchange(url, body, headers, timeout=timeout)
            return answer_of(status, retry_after)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Answer(Taken.LATER, f"no connection ({type(error).__name__})")
        except (httpx.InvalidURL, ValueError):
            return Answer(Taken.LATER, "its address is no URL")

    async def exchange(
        self, url: str, body: str, headers: Mapping[str, str], *, timeout: float, most: int = 0
    ) -> tuple[int, str, bytes]:
        """Send once; status, ``Retry-After`` and the body's first ``most`` bytes, or little more.

        Raises:
            NotifySupportMissingError: httpx is not installed.
            Exception: whatever httpx raises, a ``TimeoutError``, an ``OSError``.
        """
        httpx = _httpx()
        if self._client is None:
            self._client = await asyncio.to_thread(httpx.AsyncClient, follow_redirects=False)
        read = bytearray()
        with hushed():
            async with (
                asyncio.timeout(timeout),
                self._client.stream(
                    "POST", url, content=body, headers=dict(headers), timeout=timeout
                ) as answer,
            ):
                pieces = answer.aiter_bytes()
                while len(read) < most and (piece := await anext(pieces, b"")):
                    read += piece
                return answer.status_code, answer.headers.get("retry-after", ""), bytes(read)

    async def close(self) -> None:
        """Close what is open."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as exc:
        raise NotifySupportMissingError("httpx") from exc
    return httpx

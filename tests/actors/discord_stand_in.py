"""A stand-in for Discord's REST API: what discord.py needs for webhooks and a bot's messages."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

EPOCH = 1_420_070_400_000
FIRST = (1_700_000_000_000 - EPOCH) << 22
HOOK, SECRET = 110000000000000001, "s" * 64
CHANNEL, GUILD, BOT = 110000000000000002, 110000000000000003, 110000000000000004
TOKEN = "bot.token.of-the-stand-in"


@dataclass
class Refusal:
    """One answer that is no message."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    taken: bool = False  # the message is there all the same


def busy(seconds: float) -> Refusal:
    """A rate limit of so many seconds, as Discord tells of it."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
    return Refusal(429, body, {"Via": "1.1 google", "Retry-After": f"{seconds:g}"})


class Discord:
    """One webhook, one bot and one channel; ``refusals`` are given one after the other."""

    def __init__(self) -> None:
        self.messages: dict[int, dict[str, Any]] = {}
        self.refusals: list[Refusal] = []
        self.asked: list[str] = []
        self._nonces: dict[str, int] = {}
        self._numbers = itertools.count(FIRST)
        self._runner: web.AppRunner
        self.base = ""

    async def __aenter__(self) -> Self:
        hook, channel = f"/api/v10/webhooks/{HOOK}/{SECRET}", f"/api/v10/channels/{CHANNEL}"
        app = web.Application()
        for path in (hook, channel):
            app.router.add_post(path if path == hook else f"{path}/messages", self._post)
            app.router.add_patch(f"{path}/messages/{{number}}", self._edit)
            app.router.add_delete(f"{path}/messages/{{number}}", self._delete)
        app.router.add_get(hook, self._hook)
        app.router.add_get("/api/v10/users/@me", self._me)
        app.router.add_get("/api/v10/oauth2/applications/@me", self._application)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        address = self._runner.addresses[0]
        self.base = f"http://127.0.0.1:{address[1]}/api/v10"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def contents(self) -> list[str]:
        """What the messages say, whichever way."""
        return [shown(one) for one in self.messages.values()]

    async def _post(self, request: web.Request) -> web.Response:
        said = await _said(request)
        refusal = self._refusal(request)
        if refusal is None or refusal.taken:
            nonce = said.get("nonce") if said.get("enforce_nonce") else None
            number = self._nonces.get(str(nonce)) if nonce is not None else None
            if number is None:
                number = next(self._numbers)
                self.messages[number] = said
                if nonce is not None:
                    self._nonces[str(nonce)] = number
            if refusal is None:
                return _json(_message(number, said))
        return _refused(refusal)

    async def _edit(self, request: web.Request) -> web.Response:
        said, number = await _said(request), int(request.match_info["number"])
        refusal = self._refusal(request)
        if refusal is not None:
            return _refused(refusal)
        if number not in self.messages:
            return _refused(Refusal(404, {"code": 10008, "message": "Unknown Message"}))
        self.messages[number] |= said
        return _json(_message(number, self.messages[number]))

    async def _delete(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return _refused(refusal)
        if self.messages.pop(int(request.match_info["number"]), None) is None:
            return _refused(Refusal(404, {"code": 10008, "message": "Unknown Message"}))
        return web.Response(status=204)

    async def _hook(self, _: web.Request) -> web.Response:
        return _json(
            {
                "id": str(HOOK),
                "type": 1,
                "token": SECRET,
                "guild_id": str(GUILD),
                "channel_id": str(CHANNEL),
                "name": "hook",
                "avatar": None,
            }
        )

    async def _me(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _refused(Refusal(401, {"code": 0, "message": "401: Unauthorized"}))
        return _json(_user())

    async def _application(self, _: web.Request) -> web.Response:
        return _json(
            {
                "id": str(BOT),
                "name": "bot",
                "description": "",
                "icon": None,
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": _user(),
                "team": None,
            }
        )

    def _refusal(self, request: web.Request) -> Refusal | None:
        self.asked.append(request.method)
        return self.refusals.pop(0) if self.refusals else None


def shown(message: dict[str, Any]) -> str:
    """What a message says: its content, or its embed."""
    embeds = message.get("embeds") or [{}]
    return str(message.get("content") or embeds[0].get("description", ""))


async def _said(request: web.Request) -> dict[str, Any]:
    if not request.content_type.startswith("multipart/"):
        return dict(await request.json())
    form = await request.post()
    said = dict(json.loads(str(form["payload_json"])))
    files = [one for one in form.values() if isinstance(one, web.FileField)]
    return said | {"files": {one.filename: one.file.read() for one in files}}


def _json(
    body: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """JSON as Discord sends it; discord.py compares the whole header."""
    more = {"Content-Type": "application/json"} | (headers or {})
    return web.Response(body=json.dumps(body).encode(), status=status, headers=more)


def _refused(refusal: Refusal) -> web.Response:
    return _json(refusal.body, status=refusal.status, headers=refusal.headers)


def _user() -> dict[str, Any]:
    return {"id": str(BOT), "username": "bot", "discriminator": "0", "avatar": None, "bot": True}


def _message(number: int, said: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(number),
        "type": 0,
        "channel_id": str(CHANNEL),
        "author": _user(),
        "content": said.get("content") or "",
        "timestamp": "2026-11-30T12:00:00.000000+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "flags": 0,
    }

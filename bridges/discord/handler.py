"""A pair's target at Discord: a channel by a bot, or a webhook.

By a bot answers are answers, and a repeat within some minutes is known by its nonce; a webhook
needs no bot, links to what is answered, and may double a message whose answer was lost. discord.py
makes the requests and keeps Discord's rate limits; what would hold the pair for longer than
``PATIENCE`` is given back as a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from ...actors import Attachment, HandlerRequest
from ...errors import (
    HandlerBusyError,
    HandlerClosedError,
    HandlerRefusedError,
)
from ..options import Options
from .markdown import escaped, markdown

T = TypeVar("T")

KNOWN: Final = ("channel", "name", "token", "webhook")
CONTENT_LIMIT: Final = 2_000  # characters, as code points, of a message's content
EMBED_LIMIT: Final = 4_096  # characters of an embed's description
MOST_BYTES: Final = 10_000_000  # of a message's files together, on a server without boosts
MOST_FILES: Final = 9  # Discord takes ten; the whole of a long text may be one
PATIENCE: Final = 10.0  # seconds that discord.py may wait for a rate limit by itself
WEBHOOK: Final = re.compile(
    r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d{17,20})/([\w-]{60,})/?"
)
BANNED_FOR: Final = 60.0  # seconds; the least that is waited where Discord turns everything away
GONE: Final = 10008  # Discord's code: unknown message
SHUT: Final = frozenset({401, 403, 404})


class DiscordHandler:
    """Posts a pair's messages to Discord, edits and deletes them there.

    Args:
        options: ``webhook`` (its address, by its place: ``{ env = "NAME" }``), and ``name`` that
            messages are shown under; or ``token`` (a bot's, by its place) and ``channel``.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._post = _way(options)

    def __repr__(self) -> str:
        return "<DiscordHandler>"

    @staticmethod
    def check_options(options: Mapping[str, Any]) -> None:
        """Raise ``HandlerOptionsError`` for options that cannot be used."""
        _way(options)

    async def deliver(self, request: HandlerRequest) -> int | None:
        """Do it; returns Discord's id of a new message."""
        match request.action:
            case "post":
                return await self._post.send(await body_of(request), request)
            case "edit":
                for number in request.receipts.values():
                    await self._post.edit(number, await body_of(request), request)
            case "delete":
                for number in request.receipts.values():
                    with contextlib.suppress(MessageGoneError):
                        await self._post.delete(number)
        return None

    async def close(self) -> None:
        """Close what is open."""
        await self._post.close()


class MessageGoneError(HandlerRefusedError):
    """The message is not there any more."""


# What is sent


class Body:
    """A message as Discord takes it: short as content, longer as an embed, else as a file, too.

    Args:
        text: Markdown.
        files: what is attached.
    """

    def __init__(self, text: str, files: Sequence[Attachment] = ()) -> None:
        self.text, self.files = text, files

    def below(self, line: str) -> Body:
        """The same with a line above it."""
        return Body(f"{line}\n{self.text}", self.files)

    def fields(self, *, editing: bool = False) -> dict[str, Any]:
        """The arguments for discord.py; an edit takes away what the message had before."""
        import discord

        found: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none()}
        files = [discord.File(io.BytesIO(one.data or b""), one.name) for one in self.files]
        if len(self.text) <= CONTENT_LIMIT:
            found["content"] = self.text
        elif len(self.text) <= EMBED_LIMIT:
            found["embed"] = discord.Embed(description=self.text)
        else:
            found["embed"] = discord.Embed(description=f"{self.text[: EMBED_LIMIT - 1]}…")
            files.append(discord.File(io.BytesIO(self.text.encode()), "message.md"))
        if editing:
            return {"content": None, "embed": None} | found | {"attachments": files}
        return found | {"files": files}


async def body_of(request: HandlerRequest) -> Body:
    """The texts of one message or an album with its files; in words what Discord cannot have."""
    texts, files = list[str](), list[Attachment]()
    left = MOST_BYTES
    for one in request.messages:
        said = request.said(one)
        if said.text:
            texts.append(markdown(said))
        if not one.has_media:
            continue
        file = await request.fetch(one, left if len(files) < MOST_FILES else 0)
        if file is None:
            texts.append(f"-# \\[{one.kind}\\]")
        elif file.data is None:
            size = f"{file.size / 1_000_000:.1f} MB"
            texts.append(f"-# \\[{one.kind} {escaped(file.name)}, {size}: too large\\]")
        else:
            files.append(file)
            left -= len(file.data)
    return Body("\n".join(texts) or ("" if files else "-# \\[empty\\]"), files)


# How it goes there


class _Way:
    """Requests through discord.py, with its errors as ours."""

    def __init__(self) -> None:
        self._busy_until = 0.0

    def trace(self) -> Any:
        """What notes how long a rate limit lasts that is being waited out."""
        import aiohttp

        async def ended(_: Any, __: Any, told: Any) -> None:
            if told.response.status == 429:
                seconds = float(told.response.headers.get("Retry-After", PATIENCE))
                self._busy_until = time.monotonic() + seconds

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(ended)
        return trace

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; a rate limit that is not over soon is the pair's pause."""
        import discord

        try:
            async with asyncio.timeout(PATIENCE):
                return await work()
        except TimeoutError:
            if self._busy > 0:
                raise HandlerBusyError("Discord", self._busy) from None
            raise
        except discord.RateLimited as error:
            raise HandlerBusyError("Discord", error.retry_after) from None
        except discord.LoginFailure as error:
            raise HandlerClosedError("Discord does not know the bot's token") from error
        except discord.HTTPException as error:
            raise _meaning(error, self._busy) from error

    @property
    def _busy(self) -> float:
        """Seconds for which Discord has said that it takes nothing."""
        return max(0.0, self._busy_until - time.monotonic())


def _meaning(error: Any, busy: float) -> Exception:
    said = f"Discord answers {error.status}: {error.text or error.code}"
    if error.code == GONE:
        return MessageGoneError(said)
    if error.status in SHUT:
        return HandlerClosedError(said)
    if error.status == 429:
        return HandlerBusyError("Discord", max(busy, BANNED_FOR))
    return ConnectionError(said) if error.status >= 500 else HandlerRefusedError(said)


class _Webhook(_Way):
    def __init__(self, number: int, secret: str, name: str) -> None:
        super().__init__()
        self._number, self._secret, self._name = number, secret, name
        self._session: Any = None
        self._home: str | None = None

    async def send(self, body: Body, request: HandlerRequest) -> int:
        """Post it; returns its id."""
        hook, fields = self._hook(), (await self._linked(body, request)).fields()
        if self._name:
            fields["username"] = self._name
        message = await self.ask(lambda: hook.send(wait=True, **fields))
        return int(message.id)

    async def edit(self, number: int, body: Body, request: HandlerRequest) -> None:
        """Change one; the link to what it answers stays."""
        hook, fields = self._hook(), (await self._linked(body, request)).fields(editing=True)
        await self.ask(lambda: hook.edit_message(number, **fields))

    async def delete(self, number: int) -> None:
        """Delete one."""
        hook = self._hook()
        await self.ask(lambda: hook.delete_message(number))

    async def close(self) -> None:
        """Close what is open."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _linked(self, body: Body, request: HandlerRequest) -> Body:
        if request.answers is None:
            return body
        return body.below(f"-# ↪ {await self._address(request.answers)}")

    async def _address(self, number: int) -> str:
        if self._home is None:
            hook = self._hook()
            found = await self.ask(lambda: hook.fetch(prefer_auth=False))
            self._home = f"https://discord.com/channels/{found.guild_id}/{found.channel_id}"
        return f"{self._home}/{number}"

    def _hook(self) -> Any:
        import aiohttp
        import discord

        if self._session is None:
            self._session = aiohttp.ClientSession(trace_configs=[self.trace()])
        return discord.Webhook.partial(self._number, self._secret, session=self._session)


class _Bot(_Way):
    def __init__(self, token: str, channel: int) -> None:
        super().__init__()
        self._token, self._channel = token, channel
        self._client: Any = None

    async def send(self, body: Body, request: HandlerRequest) -> int:
        """Post it; returns its id. The nonce makes a repeat the same message."""
        import discord

        channel, fields = await self._open(), body.fields()
        if request.answers is not None:
            fields["reference"] = discord.MessageReference(
                message_id=request.answers, channel_id=self._channel, fail_if_not_exists=False
            )
        message = await self.ask(lambda: channel.send(nonce=request.key, **fields))
        return int(message.id)

    async def edit(self, number: int, body: Body, request: HandlerRequest) -> None:  # noqa: ARG002 - a webhook's has a use for it
        """Change one; that it is an answer stays."""
        message = (await self._open()).get_partial_message(number)
        await self.ask(lambda: message.edit(**body.fields(editing=True)))

    async def delete(self, number: int) -> None:
        """Delete one."""
        message = (await self._open()).get_partial_message(number)
        await self.ask(lambda: message.delete())

    async def close(self) -> None:
        """Close what is open."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> Any:
        import discord

        if self._client is None:
            client = discord.Client(intents=discord.Intents.none(), http_trace=self.trace())
            try:
                await self.ask(lambda: client.login(self._token))
            except BaseException:  # also when cancelled: nothing stays open
                await client.close()
                raise
            self._client = client
        return self._client.get_partial_messageable(self._channel)


def _way(options: Mapping[str, Any]) -> _Webhook | _Bot:
    try:
        import discord  # noqa: F401 - whether it is there
    except ImportError as exc:
        missing = "discord.py is not installed; install it with: pip install 'telewarden[discord]'"
        raise HandlerClosedError(missing) from exc
    read = Options("discord", options)
    webhook, token = read.secret("webhook"), read.secret("token")
    name, channel = read.text("name"), read.number("channel")
    read.done(KNOWN)
    if (webhook is None) == (token is None):
        raise read.wrong("webhook", "or token: give exactly one of them")
    if webhook is not None:
        found = WEBHOOK.fullmatch(webhook)
        if found is None:
            raise read.wrong("webhook", "is no address of a Discord webhook; copy it from there")
        return _Webhook(int(found[1]), found[2], name)
    if token is None or channel is None:
        raise read.wrong("channel", "is missing; give the channel's number, as text")
    return _Bot(token, channel)

"""Where pairs with a handler deliver: outside of the process, so that it outlives a kill.

It takes each action as often as it comes, knows a repeated post by its key and leaves it as it is,
and fails, is slow or refuses when a script says so.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from telewarden.actors import HandlerRequest
from telewarden.errors import HandlerRefusedError

from .surroundings import TIME

__all__ = ["Post", "Sink", "SinkError"]


class SinkError(Exception):
    """The place to which it delivers has some trouble."""


@dataclass(slots=True)
class Post:
    """One message that was delivered."""

    pair: int
    chat: int
    source: int
    number: int
    order: int
    at: float
    texts: list[str] = field(default_factory=list)
    gone: bool = False


class Sink:
    """All that was delivered in a run.

    Args:
        seed: what its pauses are drawn from.
    """

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(f"sink {seed}")
        self._numbers = itertools.count(1000)
        self._keys: dict[str, int] = {}
        self.posts: dict[tuple[int, int, int], Post] = {}
        """By pair, chat and message."""
        self._by_number: dict[tuple[int, int], Post] = {}
        self.trouble: dict[int, deque[str]] = {}
        """By pair, what is to go wrong next."""
        self.struck = 0

    def of(self, pair: int, chat: int, source: int) -> Post | None:
        """What a message became."""
        return self.posts.get((pair, chat, source))

    def handler(self, options: Any) -> _Handler:
        """A handler of one pair; for ``Warden(handlers=...)``."""
        return _Handler(self)

    async def deliver(self, request: HandlerRequest) -> int | None:
        """Do a action, or meet with some trouble."""
        waiting = self.trouble.get(request.pair)
        how = waiting.popleft() if waiting else ""
        self.struck += bool(how)
        await asyncio.sleep(self._rng.uniform(0.0, 0.05))
        if how == "fails":
            raise SinkError("not now")
        if how == "refuses" and request.action == "post":
            raise HandlerRefusedError("asked for")
        number = self._do(request)
        if how == "fails after":
            raise SinkError("the answer is lost")
        if how == "slow":
            await asyncio.sleep(self._rng.uniform(5.0, 60.0))
        return number

    def _do(self, request: HandlerRequest) -> int | None:
        texts = {
            one.id: request.texts[one.id].text if one.id in request.texts else one.text
            for one in request.messages
        }
        if request.action != "post":
            for source, number in request.receipts.items():
                post = self._by_number[number, source]
                post.gone |= request.action == "delete"
                post.texts += texts.values()
            return None
        if request.key in self._keys:
            return self._keys[request.key]
        number = self._keys[request.key] = next(self._numbers)
        for one in request.messages:
            place = request.pair, one.chat, one.id
            fresh = Post(*place, number, len(self.posts), TIME.now)
            post = self.posts.setdefault(place, fresh)
            post.texts.append(texts[one.id])
            self._by_number[number, one.id] = post
        return number


class _Handler:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def deliver(self, request: HandlerRequest) -> int | None:
        return await self._sink.deliver(request)

    async def close(self) -> None:
        pass

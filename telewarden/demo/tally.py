"""The demo's count of messages posted and delivered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Final

from ..errors import DemoError
from .publishing import connected
from .script import PAIRS
from .stage import Stage

SETTLE_WITHIN: Final = 20.0  # seconds that the last messages get to arrive


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``sent`` went into the sources; of those, ``lost`` are in no target, ``doubled`` twice."""

    sent: int
    forwarded: int
    lost: int
    doubled: int


class Publisher:
    """Somebody who writes into the source channels, with a plain Telethon client.

    Args:
        it: the stage.
        every: seconds between two messages, over all sources.
    """

    def __init__(self, it: Stage, *, every: float) -> None:
        self._it, self._every = it, every
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Write no more.

        Raises:
            DemoError: it could not write as it should have.
        """
        self._enough.set()
        if self._task is not None:
            (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            if isinstance(outcome, Exception):
                raise DemoError("the publisher failed", repr(outcome))

    async def _write(self) -> None:
        sources = [source for _, source, _, _ in PAIRS.values()]
        async with connected(self._it.telegram) as client:
            peers: dict[str, Any] = {
                source: await client.get_input_entity(source) for source in sources
            }
            for number, source in zip(itertools.count(1), itertools.cycle(sources)):
                text = f"{source.removesuffix('_in')} {number}"
                await client.send_message(peers[source], text)
                self.sent[source].append(text)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), self._every)
                    return


def count(it: Stage, publisher: Publisher) -> Tally:
    """Compare the sources with the targets, on the data centre itself."""
    sent = forwarded = lost = doubled = 0
    for _, source, target, _ in PAIRS.values():
        said = publisher.sent[source]
        arrived = Counter(one.text for one in it.chats[target].messages)
        sent += len(said)
        forwarded += sum(1 for text in said if arrived[text])
        lost += sum(1 for text in said if not arrived[text])
        doubled += sum(copies - 1 for copies in arrived.values() if copies > 1)
    return Tally(sent=sent, forwarded=forwarded, lost=lost, doubled=doubled)


async def settle(it: Stage, publisher: Publisher) -> Tally:
    """Wait until everything has arrived, at most ``SETTLE_WITHIN`` seconds, and count."""
    deadline = time.monotonic() + SETTLE_WITHIN
    while (tally := count(it, publisher)).lost and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return tally

"""The stream of changes in one language, written once for all pages that follow it.

Owns the last frames and who waits for the next. Nobody has a queue: a page has a place in the
stream. Who falls so far behind that its place is forgotten gets the whole state and goes on there,
so that a slow page costs no memory and holds nobody up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final

from ..words import Words
from .picture import Picture, encoded
from .rows import Sight

KEPT: Final = 60  # frames; a minute of changes
QUIET: Final = 10  # looks without a change after which pages are told that all is as it was


class Channel:
    """One language's state, changes, and pages.

    Args:
        words: explains in that language.
        kept: how many changes a page may be behind.
    """

    def __init__(self, words: Words, *, kept: int = KEPT) -> None:
        self._picture, self._stamp = Picture(words), secrets.token_hex(4)
        self._frames: deque[bytes] = deque(maxlen=kept)
        self._number, self._quiet = 0, 0
        self._sight: Sight | None = None
        self._next: asyncio.Event = asyncio.Event()
        self._beat, self._closed = b"", False
        self._whole = (0, 0.0, b"")
        self.pages = 0
        """How many follow it."""

    def see(self, sight: Sight) -> None:
        """Take a look in, and tell what it changed, or once in a while that nothing has."""
        if sight is self._sight:
            return
        self._sight = sight
        members = self._picture.see(sight)
        self._quiet += 1
        if members is not None:
            self.tell("diff", members)
        elif self._quiet >= QUIET:
            self._quiet = 0
            self._wake(_event("", "beat", f'{{"at":{encoded(round(sight.at, 3))}}}'))

    def tell(self, kind: str, members: str) -> None:
        """Give everybody one more event."""
        self._number, self._quiet = self._number + 1, 0
        self._frames.append(_event(self._id, kind, f'{{"id":"{self._id}",{members}}}'))
        self._wake(b"")

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._wake(b"")

    def whole(self) -> bytes:
        """The whole state; written once for all who ask after the same look."""
        at = 0.0 if self._sight is None else self._sight.at
        number, written, body = self._whole
        if not body or (number, written) != (self._number, at):
            body = f'{{"id":"{self._id}",{self._picture.whole(at=at)}}}'.encode()
            self._whole = (self._number, at, body)
        return body

    async def frames(
        self, place: str, may_go_on: Callable[[], bool]
    ) -> AsyncGenerator[bytes, None]:
        """The stream for one page, from its place on, or from the whole state.

        Args:
            place: the id of what it has; empty for nothing.
            may_go_on: whether the page may still be told.
        """
        at = self._number_of(place)
        yield b"retry: 1000\n\n"
        while not self._closed:
            if not may_go_on():
                yield _event("", "bye", "{}")
                return
            following = self._next
            if at is None or not self._number - len(self._frames) <= at <= self._number:
                at, frame = self._number, self._state()
            elif at < self._number:
                frame = b"".join(list(self._frames)[at - self._number :])
                at = self._number
            else:
                await following.wait()
                frame = self._beat
            if frame:
                yield frame

    @property
    def _id(self) -> str:
        return f"{self._stamp}-{self._number}"

    def _number_of(self, place: str) -> int | None:
        stamp, _, number = place.partition("-")
        return int(number) if stamp == self._stamp and number.isdecimal() else None

    def _state(self) -> bytes:
        return b"".join((f"id: {self._id}\nevent: state\ndata: ".encode(), self.whole(), b"\n\n"))

    def _wake(self, beat: bytes) -> None:
        self._beat = beat
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()


def _event(number: str, kind: str, data: str) -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {data}\n\n".encode()

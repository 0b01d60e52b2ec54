"""One program's connection: greets, takes its calls, tells it the updates of its session.

What it may do is asked of its ``Host`` at each call, so that another configuration holds at once. A
program that does not read loses its own place; its answers and its memory here are bounded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ..api.session import SessionHandle
from ..supervision import LineLimit
from ..telegram.sharing.frames import (
    LONGEST_CALL,
    Frame,
    FrameBuffer,
    FrameError,
    Kind,
    pack,
    pack_said,
)

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())  # programs can provoke them

GREETED_WITHIN: Final = 10.0  # seconds until a program has said who it is
FRAME_WITHIN: Final = 30.0  # seconds from a frame's first byte to its last
TAKEN_WITHIN: Final = 30.0  # seconds until the last words are taken
CALLS: Final = 64  # of one program at once; it is read from again when fewer are under way


class Host(Protocol):
    """Who serves the programs."""

    def greet(self, link: ProgramLink, said: Mapping[str, Any]) -> None:
        """A program has said who it is: ``welcome`` it, or ``end`` its connection."""

    async def carry_out(self, link: ProgramLink, frame: Frame) -> bytes:
        """Carry a call out and return the frame that answers it; raises nothing."""
        ...

    def forget(self, link: ProgramLink) -> None:
        """A connection has ended."""


class ProgramLink(asyncio.Protocol):
    """A connection.

    Args:
        host: who serves it.
        queue: how many updates are kept for it while it does not read.
    """

    transport: asyncio.Transport
    session = program = ""
    handle: SessionHandle
    """The session's, once it has been let in."""

    def __init__(self, host: Host, *, queue: int) -> None:
        self._host, self._most = host, queue
        self._buffer = FrameBuffer(LONGEST_CALL)
        self._waiting: deque[bytes] = deque()
        self._outgoing: list[bytes] = []  # leaves together with the loop's next turn
        self._calls: set[asyncio.Task[None]] = set()
        self._deadline: asyncio.TimerHandle | None = None
        self._full = self._ending = False
        self._unlisten: Callable[[], None] | None = None
        self.since = time.monotonic()
        """When it connected."""

    def __repr__(self) -> str:
        return f"<ProgramLink {self.program or '?'} session={self.session or '?'}>"

    @property
    def busy(self) -> bool:
        """Whether it has been let in: it is not cut off to make room for another."""
        return bool(self.program)

    # -- asyncio's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The program has connected: it has to say who it is."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        self.transport = transport
        self._expect(GREETED_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            for frame in self._buffer.feed(data):
                if not self._ending:
                    self._take(frame)
        except FrameError as error:
            logger.warning("program cut off program=%s why=%s", self.program or "?", error)
            self.end("bad", f"what it said is no frame: {error}")
            return
        if self.program and not self._ending:
            self._expect(FRAME_WITHIN if self._buffer.partial else None)

    def eof_received(self) -> bool:
        """It says nothing more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """It is over."""
        self._expect(None)
        self._ending = True
        self._waiting.clear()
        self._stop_telling()
        self._host.forget(self)

    def pause_writing(self) -> None:
        """The program does not read."""
        self._full = True
        self._read_or_not()

    def resume_writing(self) -> None:
        """It reads again."""
        self._full = False
        while self._waiting and not self._full:
            self.transport.write(self._waiting.popleft())
        self._read_or_not()

    # -- the host's

    def welcome(
        self,
        program: str,
        handle: SessionHandle,
        said: Mapping[str, object],
        listen: Callable[[Callable[[bytes], None]], Callable[[], None]] | None,
    ) -> None:
        """Let it in; ``listen`` has it told of updates from now on and returns how to end that."""
        self.program, self.session, self.handle = program, handle.name, handle
        self._expect(None)
        self._write(pack_said(Kind.WELCOME, 0, said))
        if listen is not None:
            self._unlisten = listen(self.tell)

    def tell(self, updates: bytes) -> None:
        """Tell it of updates; one that has too many waiting loses its place."""
        if self._ending:
            return
        frame = pack(Kind.UPDATES, 0, updates)
        if not self._full:
            self._write(frame)
        elif len(self._waiting) < self._most:
            self._waiting.append(frame)
        else:
            behind = len(self._waiting) + 1
            logger.warning(
                "program lost its place program=%s session=%s updates=%d",
                self.program,
                self.session,
                behind,
            )
            self._lose_place(behind)

    def _lose_place(self, behind: int) -> None:
        """Tell it no more; what it still asks for while it handles the last is carried out."""
        self._waiting.clear()
        self._stop_telling()
        said = {"kind": "lost", "why": "it did not take its updates", "behind": behind}
        self._write(pack_said(Kind.END, 0, said))

    def _write(self, frame: bytes) -> None:
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(frame)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if outgoing and not self.transport.is_closing():
            self.transport.write(b"".join(outgoing))

    def _stop_telling(self) -> None:
        unlisten, self._unlisten = self._unlisten, None
        if unlisten is not None:
            unlisten()

    def end(self, kind: str, why: str, **more: object) -> None:
        """Say why, and end it as soon as that is taken."""
        if self._ending:
            return
        self._ending = True
        self._waiting.clear()
        self._stop_telling()
        self._outgoing.append(pack_said(Kind.END, 0, {"kind": kind, "why": why, **more}))
        self._flush()
        self.transport.close()
        self._expect(TAKEN_WITHIN)

    def cut(self) -> None:
        """End it at once."""
        self.transport.abort()

    # -- its calls

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.HELLO and not self.program:
            self._host.greet(self, frame.said)
        elif frame.kind is Kind.CALL and self.program:
            task = asyncio.get_running_loop().create_task(self._call(frame))
            self._calls.add(task)
            task.add_done_callback(self._called)
            self._read_or_not()
        else:
            raise FrameError(f"{frame.kind.name} is out of place")

    async def _call(self, frame: Frame) -> None:
        answer = await self._host.carry_out(self, frame)
        if not self._ending and not self.transport.is_closing():
            self._write(answer)

    def _called(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._read_or_not()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("call not answered program=%s", self.program, exc_info=error)
            self.cut()

    def _read_or_not(self) -> None:
        if self.transport.is_closing():
            return
        if self._full or len(self._calls) >= CALLS:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _expect(self, within: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = None if within is None else loop.call_later(within, self._late)

    def _late(self) -> None:
        logger.info("program cut off program=%s: it took too long", self.program or "?")
        self.cut()

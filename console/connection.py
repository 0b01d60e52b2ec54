"""The HTTP connection: deadlines for the request's head and for taking the answer.

Uvicorn's protocol with deadlines. It writes no access log, and what strangers can provoke is
written so many times a minute.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ..supervision import LineLimit

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the other end may take, in seconds.

    Args:
        request: from the connect, or a request's first byte, to all of it but its body.
        answer: from there until the answer is out, or all of a stream so far; a login takes 120
            at most.
        idle: that a connection is kept for another request; a page asks each second.
    """

    request: float = 10.0
    answer: float = 180.0
    idle: int = 15


class Connection(H11Protocol):
    """Uvicorn's protocol with deadlines for what the other end has to do."""

    def __init__(self, *args: Any, patience: Patience, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = patience
        # Uvicorn's own switch for the access log empties a logger of the whole process, which may
        # be an app's that serves pages of its own. And its other logger knows no limit.
        self.access_log, self.logger = False, logger
        self._deadline: asyncio.TimerHandle | None = None
        self._answering = False
        self.since = self.loop.time()
        """When it began to be quiet, or busy."""

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # Uvicorn leaves the None out
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """The other end has connected: it has to say what it wants."""
        super().connection_made(transport)
        self._expect(self._patience.request)

    def data_received(self, data: bytes) -> None:
        """Something came: a request, a part of one, or more of its body."""
        super().data_received(data)
        if self.busy:
            self._await_answer()
        elif self._deadline is None and self.timeout_keep_alive_task is None:
            self._expect(self._patience.request)

    def on_response_complete(self) -> None:
        """The answer is out: the connection may wait for another request, for a while."""
        self._expect(None)
        self._answering = False
        self.since = self.loop.time()
        super().on_response_complete()
        if self.busy:  # that was waiting behind the first
            self._await_answer()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._expect(None)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    @property
    def _is_taken(self) -> bool:
        """Whether an answer has begun, and the other end has taken all of it so far."""
        cycle: RequestResponseCycle | None = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        return begun and self.transport.get_write_buffer_size() == 0

    def cut(self) -> None:
        """End it at once, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()

    def _await_answer(self) -> None:
        if not self._answering:
            self._answering, self.since = True, self.loop.time()
            self._expect(self._patience.answer)

    def _expect(self, within: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within is None else self.loop.call_later(within, self._late)

    def _late(self) -> None:
        self._deadline = None
        if self._is_taken:  # a stream, as long as somebody reads it
            self._expect(self._patience.answer)
            return
        what = "its answer was not taken" if self.busy else "no whole request came"
        logger.info("connection cut: %s in time", what)
        self.cut()

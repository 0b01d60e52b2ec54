"""One connection to Telegram: says the true error, and forgets what nobody waits for.

Telethon's sender counts attempts and raises how many there were; it keeps requests whose
callers have gone, and leaves others waiting for ever when the line is lost. Pinned to
Telethon 1.45: this stands on internals, each of which the tests exercise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from telethon.errors import SecurityError
from telethon.extensions.messagepacker import MessagePacker

from ._tl import MTProtoSender, MTProtoState

__all__ = ["WardenSender"]

logger = logging.getLogger(__name__)

KEY_EXCHANGES: Final = 5  # tries for a new key, on one connection


class _WatchfulState(MTProtoState):  # type: ignore[misc]  # Telethon ships no types
    """Counts what Telethon ignores after one log line: data that cannot be trusted."""

    distrusted = 0

    def decrypt_message_data(self, body: bytes) -> Any:
        try:
            return super().decrypt_message_data(body)
        except SecurityError:
            self.distrusted += 1
            raise


class _Packer(MessagePacker):  # type: ignore[misc]  # the same
    """A send queue that requests can be taken out of again."""

    def drop(self, future: Any) -> None:
        kept = [state for state in self._deque if state.future is not future]
        self._deque.clear()
        self._deque.extend(kept)

    def cancel_all(self) -> None:
        while self._deque:
            self._deque.popleft().future.cancel()


class WardenSender(MTProtoSender):  # type: ignore[misc]  # the same
    """One connection: says the true error and forgets a request that nobody waits for."""

    def __init__(self, auth_key: Any, **options: Any) -> None:
        super().__init__(auth_key, **options)
        self._state = _WatchfulState(self.auth_key, loggers=self._loggers)
        self._send_queue = _Packer(self._state, loggers=self._loggers)

    @property
    def distrusted(self) -> int:
        """Messages ignored because they could not be trusted."""
        return int(self._state.distrusted)

    async def answer(self, request: Any) -> Any:
        """Send ``request`` and return its answer; a lost line is a ConnectionError."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        future = self.send(request)
        try:
            return await future
        except asyncio.CancelledError:
            self.forget(future)
            if task and task.cancelling() > before:
                raise
            # Telethon cancels what is pending when it closes: that is no cancelling of ours.
            raise ConnectionAbortedError("the connection was closed before the answer") from None
        except EOFError as error:
            raise ConnectionResetError("Telegram closed the connection") from error

    async def answers(self, requests: Sequence[Any], *, deadline: float) -> list[Any]:
        """Send requests of which each is carried out only if the one before was.

        Returns an answer or an exception for each: behind a refusal it is ``MsgWaitFailedError``,
        and ``TimeoutError`` for what was not answered within ``deadline`` seconds.
        """
        futures = self.send(requests, ordered=True)
        try:
            await asyncio.wait(futures, timeout=deadline)
            return [_outcome(future, deadline) for future in futures]
        finally:
            for future in futures:
                if not future.done():
                    self.forget(future)

    def forget(self, future: Any) -> None:
        """Drop the request that ``future`` stands for, sent or not."""
        for msg_id, state in list(self._pending_state.items()):
            if state.future is future:
                del self._pending_state[msg_id]
        self._send_queue.drop(future)

    def fail(self, error: Exception) -> None:
        """Declare the connection lost."""
        self._start_reconnect(error)

    def abort(self) -> None:
        """Drop the TCP connection at once, unsent data and all."""
        writer = getattr(self._connection, "_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def _handle_rpc_result(self, message: Any) -> None:
        if message.obj.req_msg_id in self._pending_state:
            await super()._handle_rpc_result(message)
        else:
            logger.debug("late answer passed over msg_id=%d", message.obj.req_msg_id)

    async def _try_connect(self, attempt: int) -> bool:  # noqa: ARG002 - Telethon's signature
        await self._connection.connect(timeout=self._connect_timeout)
        return True

    async def _try_gen_auth_key(self, attempt: int) -> bool:
        # One exchange in some hundreds fails by the arithmetic of it; Telegram expects a new one.
        for again in range(KEY_EXCHANGES):
            if await super()._try_gen_auth_key(attempt + again):
                return True
        return False

    async def _reconnect(self, last_error: Exception | None) -> None:
        # Never: a supervisor decides about that. Telethon would say so with an ERROR in the log.
        self._reconnecting = False
        await self._disconnect(error=last_error)

    async def _disconnect(self, error: Exception | None = None) -> None:
        await super()._disconnect(error)
        # Telethon leaves those behind that were never sent: their callers would wait for ever.
        self._send_queue.cancel_all()
        ended = self._disconnected
        if ended.done() and not ended.cancelled():
            ended.exception()  # looked at: whoever wants the cause has it from an answer or event


def _outcome(future: asyncio.Future[Any], deadline: float) -> Any:
    if not future.done():
        return TimeoutError(f"no answer within {deadline:g} s")
    if future.cancelled():
        return ConnectionAbortedError("the connection was closed before the answer")
    error = future.exception()
    if isinstance(error, EOFError):
        return ConnectionResetError("Telegram closed the connection")
    return future.result() if error is None else error

"""The control port: the running data centre read and steered over HTTP with JSON.

What is listened on is 127.0.0.1 and nothing else. Whoever reaches the port may do
everything; there is nothing to protect but the test that is running.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

from ..errors import ListenError
from .control_routes import ControlError, Controls
from .server import LoopbackTelegram

_HEAD_LIMIT: Final = 64 * 1024
_BODY_LIMIT: Final = 4 * 1024 * 1024
_PATIENCE: Final = 30.0  # seconds for a request to come in whole
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class ControlPort:
    """A small HTTP server beside a data centre.

    Args:
        telegram: what it steers.
        host: the address to listen on.
        port: the port; 0 for any free one, ``port`` tells which.
    """

    def __init__(self, telegram: LoopbackTelegram, host: str = "127.0.0.1", port: int = 0) -> None:
        self._controls = Controls(telegram)
        self._host, self.port = host, port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; raises ``ListenError`` when the port is taken."""
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self.port, limit=_HEAD_LIMIT
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ListenError("control port", f"{self._host}:{self.port}", reason) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_PATIENCE):
                    status, answer = await self._answer(reader)
                body = json.dumps(answer).encode() + b"\n"
                head = (
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
                    "Content-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n"
                    "Connection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        finally:
            writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Any]:
        try:
            method, path, body = await _request(reader)
            return 200, self._controls.answer(method, path, body)
        except ControlError as error:
            return error.status, {"error": str(error)}
        except (asyncio.LimitOverrunError, UnicodeDecodeError, ValueError) as error:
            return 400, {"error": str(error)}


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise ControlError(400, f"not an HTTP request: {first[:80]!r}")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length") or 0)
    if not 0 <= length <= _BODY_LIMIT:
        raise ControlError(400, f"content-length is {length}; give 0 to {_BODY_LIMIT}")
    data = await reader.readexactly(length)
    if not data:
        return parts[0], parts[1], {}
    try:
        body = json.loads(data)
    except ValueError as error:
        raise ControlError(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ControlError(400, "the body is not a JSON object")
    return parts[0], parts[1], body

"""A proxy on 127.0.0.1 that speaks SOCKS5, SOCKS4 or HTTP CONNECT, and can be in trouble.

It counts what passes: who may say that a session goes through it compares its outgoing ports with
those that the data centre sees.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import struct
from typing import Any, Self

# What can be wrong with it, each by the name that a verdict has for it.
TROUBLES = (
    "PROXY_CLOSED",
    "PROXY_SILENT",
    "PROXY_GARBLED",
    "PROXY_NO_WAY",
    "PROXY_LINE_CLOSED",
    "PROXY_LINE_SILENT",
    "PROXY_LINE_BROKEN",
)


class ProxyServer:
    """One proxy.

    Args:
        kind: socks5, socks4 or http.
        login: user and password to ask for; socks4 asks for the user alone.
        port: where to listen; 0 for any free port.
    """

    def __init__(self, kind: str, login: tuple[str, str] | None = None, *, port: int = 0) -> None:
        self.kind, self.login, self.port = kind, login, port
        self.trouble: str | None = None
        self.answer: bytes | None = None  # in the place of an HTTP proxy's own
        self.accepted = self.refused = self.bytes_up = self.bytes_down = 0
        self.targets: list[tuple[str, int]] = []
        self.out_ports: set[int] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def table(self) -> dict[str, Any]:
        """The proxy as a configuration has it, but for what it asks for."""
        return {"kind": self.kind, "host": "127.0.0.1", "port": self.port}

    async def start(self) -> None:
        """Listen, on the port of the last time if there was one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and cut those that stand."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut the connections that stand."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._handled(reader, writer)
        finally:
            writer.transport.abort()

    async def _handled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.trouble:
            case "PROXY_CLOSED":
                await reader.read(1)
            case "PROXY_SILENT":
                await asyncio.Event().wait()
            case "PROXY_GARBLED":
                writer.write(b"220 mail.example ESMTP\r\n")
                await reader.read()
            case _:
                ask = {"socks5": self._socks5, "socks4": self._socks4, "http": self._http}
                target = await ask[self.kind](reader, writer)
                if target is not None:
                    await self._tunnel(target, reader, writer)

    # What each kind says

    async def _socks5(self, reader: Any, writer: Any) -> tuple[str, int] | None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 0 if self.login is None else 2
        if method not in methods:
            self.refused += 1
            writer.write(b"\x05\xff")
            await reader.read()
            return None
        writer.write(bytes((5, method)))
        if self.login is not None:
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            (size,) = await reader.readexactly(1)
            given = (user.decode(), (await reader.readexactly(size)).decode())
            writer.write(b"\x01\x00" if given == self.login else b"\x01\x01")
            if given != self.login:
                self.refused += 1
                await reader.read()
                return None
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
        else:
            host = (await reader.readexactly(*await reader.readexactly(1))).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        no_way = self.trouble == "PROXY_NO_WAY"
        writer.write(bytes((5, 5 if no_way else 0, 0, 1)) + bytes(6))
        return None if no_way else (host, port)

    async def _socks4(self, reader: Any, writer: Any) -> tuple[str, int] | None:
        _, _, port, address = struct.unpack(">BBH4s", await reader.readexactly(8))
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        code = 90
        if self.login is not None and user != self.login[0]:
            self.refused, code = self.refused + 1, 93
        elif self.trouble == "PROXY_NO_WAY":
            code = 91
        writer.write(struct.pack(">BBH4s", 0, code, 0, bytes(4)))
        return (socket.inet_ntop(socket.AF_INET, address), port) if code == 90 else None

    async def _http(self, reader: Any, writer: Any) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split()
        assert method == "CONNECT"
        if self.answer is not None:
            writer.write(self.answer)
            await reader.read()
            return None
        given = dict(line.split(": ", 1) for line in head[1:] if line).get("Proxy-Authorization")
        if self.login is not None:
            wanted = base64.b64encode(":".join(self.login).encode()).decode()
            if given != f"Basic {wanted}":
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return None
        if self.trouble == "PROXY_NO_WAY":
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return None
        for piece in (b"HTTP/1.1 200 Connection", b" established\r\nVia: a test\r\n", b"\r\n"):
            writer.write(piece)  # in pieces, as some do
            await writer.drain()
            await asyncio.sleep(0.001)
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port)

    # The tunnel

    async def _tunnel(self, target: tuple[str, int], reader: Any, writer: Any) -> None:
        self.targets.append(target)
        await writer.drain()
        if self.trouble == "PROXY_LINE_CLOSED":
            await reader.read(1)
            return
        if self.trouble == "PROXY_LINE_SILENT":
            await asyncio.Event().wait()
        if self.trouble == "PROXY_LINE_BROKEN":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nbuy our premium proxies")
            await reader.read()
            return
        inner, outer = await asyncio.open_connection(*target)
        self.out_ports.add(outer.get_extra_info("sockname")[1])
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, outer, "bytes_up"))
                both.create_task(self._pump(inner, writer, "bytes_down"))
        except* OSError:
            pass
        finally:
            outer.transport.abort()

    async def _pump(self, source: Any, sink: Any, counter: str) -> None:
        while data := await source.read(65_536):
            setattr(self, counter, getattr(self, counter) + len(data))
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError("one side has gone")  # and so goes the other

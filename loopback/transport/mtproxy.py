"""An MTProxy on 127.0.0.1, before the data centre: as Telegram's own, as far as a client sees it.

Plain secrets, ``dd`` (frames of random length) and ``ee`` (a line that looks like TLS to a domain).
It checks what a real one checks: the proof in the greeting, its time, the domain; and shows whoever
has no proof an end, as a site would that is not served here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import struct
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .framing import FrameReader, FrameWriter

TAGS: Final = {0xEEEEEEEE: False, 0xDDDDDDDD: True}  # intermediate, and whether it is padded
CLOCKS_AGREE: Final = 120.0  # seconds
SITE_ONLY: Final = b"\x15\x03\x03\x00\x02\x02\x28"  # what a site answers to noise: an alert
HEADER: Final = 64

Cryptor = Callable[[bytes], bytes]
Address = tuple[str, int]


class _Unwelcome(Exception):  # noqa: N818 - not an error: it is told from whoever has the secret
    pass


class LoopbackMtproxy:
    """One proxy::

        async with LoopbackMtproxy({2: ("127.0.0.1", tg.port)}, "dd" + 16 * "0f") as proxy:
            print(proxy.link)

    Args:
        dcs: where each data centre is, by its number.
        secret: as links have it, in hexadecimal. Without one it is what another proxy connects to:
            a data centre that takes obfuscated lines, the first of ``dcs``.
        port: where to listen; 0 for any free port.
        padding: bytes that it puts behind a frame at most. Telethon's own client takes 3.
        wall: its clock.
    """

    def __init__(
        self,
        dcs: Mapping[int, Address],
        secret: str,
        *,
        port: int = 0,
        padding: int = 15,
        wall: Callable[[], float] = time.time,
    ) -> None:
        raw = bytes.fromhex(secret)
        self.secret, self.port, self._dcs, self._wall = secret, port, dict(dcs), wall
        self._padding = padding
        kind = raw[0] if len(raw) > 16 else 0  # a plain one may begin with any byte
        self._key = raw[1:17] if kind else raw
        self._padded_only = kind in {0xDD, 0xEE}
        self._domain = raw[17:] if kind == 0xEE else None
        self.accepted = self.refused = self.asides = 0
        self.wanted: list[int] = []
        """The data centres that were asked for."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def link(self) -> str:
        """The link that clients are given."""
        return f"tg://proxy?server=127.0.0.1&port={self.port}&secret={self.secret}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the port of the last time if there was one."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and end every line."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """End every line."""
        for task in self._tasks:
            task.cancel()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback is one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await self._serve(reader, writer)
        except _Unwelcome:
            self.refused += 1
            if self._domain is not None:
                writer.write(SITE_ONLY)
        except asyncio.CancelledError:
            pass  # stopped, or cut
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(reader, writer)
        if self._domain is not None:
            await self._greet(reader, writer, self._domain)
            line = _TlsLine(reader, writer)
        header = await line.exactly(HEADER)
        decrypt, encrypt = self._cryptors(header)
        plain = decrypt(header)
        tag, dc = struct.unpack_from("<Ih", plain, 56)
        if not self._key:
            dc = next(iter(self._dcs))
        if tag not in TAGS or (self._padded_only and not TAGS[tag]) or abs(dc) not in self._dcs:
            raise _Unwelcome
        padding = self._padding if TAGS[tag] else 0
        self.accepted += 1
        self.wanted.append(dc)
        up, down = await asyncio.open_connection(*self._dcs[abs(dc)])
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_to_telegram(line, decrypt, down))
                both.create_task(_from_telegram(up, line, encrypt, padding))
        except* (asyncio.IncompleteReadError, OSError):
            pass  # one of the two has ended, and so does the other
        finally:
            down.close()

    def _cryptors(self, header: bytes) -> tuple[Cryptor, Cryptor]:
        there, back = header[8:56], header[55:7:-1]
        return self._cryptor(there), self._cryptor(back)

    def _cryptor(self, keys: bytes) -> Cryptor:
        key = sha256(keys[:32] + self._key).digest() if self._key else keys[:32]
        return Cipher(algorithms.AES(key), modes.CTR(keys[32:48])).encryptor().update

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, domain: bytes
    ) -> None:
        head = await reader.readexactly(5)
        hello = head + await reader.readexactly(int.from_bytes(head[3:5], "big"))
        random = hello[11:43]
        proof = hmac.digest(self._key, hello[:11] + bytes(32) + hello[43:], sha256)
        moment = int.from_bytes(
            bytes(a ^ b for a, b in zip(proof[28:], random[28:], strict=True)), "little"
        )
        ours = hello[:3] == b"\x16\x03\x01" and proof[:28] == random[:28]
        if not ours or abs(moment - self._wall()) > CLOCKS_AGREE or _site_of(hello) != domain:
            raise _Unwelcome
        session = hello[44 : 44 + hello[43]]
        said = (
            b"\x03\x03" + bytes(32) + bytes([len(session)]) + session
            + b"\x13\x01\x00\x00\x2e\x00\x33\x00\x24\x00\x1d\x00\x20" + os.urandom(32)
            + b"\x00\x2b\x00\x02\x03\x04"
        )  # fmt: skip
        answer = b"\x02" + len(said).to_bytes(3, "big") + said
        noise = os.urandom(1024 + os.urandom(1)[0])
        answer = (
            b"\x16\x03\x03" + struct.pack(">H", len(answer)) + answer
            + b"\x14\x03\x03\x00\x01\x01\x17\x03\x03" + struct.pack(">H", len(noise)) + noise
        )  # fmt: skip
        proof = hmac.digest(self._key, random + answer, sha256)
        writer.write(answer[:11] + proof + answer[43:])


class _Line:
    """A client's line as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def exactly(self, count: int) -> bytes:
        return await self._reader.readexactly(count)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class _TlsLine(_Line):
    """A client's line in records."""

    _left = b""

    async def exactly(self, count: int) -> bytes:
        while len(self._left) < count:
            kind, length = struct.unpack(">BxxH", await self._reader.readexactly(5))
            body = await self._reader.readexactly(length)
            if kind == 0x17:
                self._left += body
            elif kind != 0x14:
                raise _Unwelcome
        found, self._left = self._left[:count], self._left[count:]
        return found

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), 16_384):
            part = data[at : at + 16_384]
            await super().write(b"\x17\x03\x03" + struct.pack(">H", len(part)) + part)


async def _to_telegram(line: _Line, decrypt: Cryptor, down: asyncio.StreamWriter) -> None:
    frames = FrameWriter()
    while True:
        (length,) = struct.unpack("<I", decrypt(await line.exactly(4)))
        frame = decrypt(await line.exactly(length))
        down.write(frames.wrap(_without_padding(frame)))
        await down.drain()


async def _from_telegram(
    up: asyncio.StreamReader, line: _Line, encrypt: Cryptor, padding: int
) -> None:
    frames = FrameReader()
    while data := await up.read(65_536):
        for payload in frames.feed(data):
            more = os.urandom(os.urandom(1)[0] % (padding + 1))
            frame = struct.pack("<I", len(payload) + len(more)) + payload + more
            await line.write(encrypt(frame))
    raise ConnectionResetError("the data centre closed the line")


def _without_padding(frame: bytes) -> bytes:
    if frame[:8] == bytes(8):
        return frame[: 20 + int.from_bytes(frame[16:20], "little")]
    return frame[: 24 + (len(frame) - 24) // 16 * 16]


def _site_of(hello: bytes) -> bytes | None:
    """The name in a greeting's first extension of kind 0."""
    at = 44 + hello[43]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # the suites
    at += 1 + hello[at]  # compression
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at + 4 <= end:
        kind, length = struct.unpack_from(">HH", hello, at)
        if kind == 0:
            return hello[at + 9 : at + 4 + length]
        at += 4 + length
    return None

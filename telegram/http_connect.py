"""A tunnel through a web proxy by HTTP CONNECT.

Spoken here, for an answer may come in pieces: what is read too little of it would be taken for
Telegram's, and what is read too much would be missing there.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from typing import Final

from .errors.proxy_trouble import ProxyRefusalError, ProxyTrouble, system_error_text

LONGEST_HEAD: Final = 16_384  # bytes of an answer's head; a proxy's has some hundred
LOGIN_WANTED: Final = 407
STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})\b")


async def connect_by_http(host: str, port: int, target: str, login: str | None) -> socket.socket:
    """Return a socket that the proxy at ``host`` has connected to ``target`` (``host:port``).

    Args:
        host: the proxy's name or address.
        port: its TCP port.
        target: where to.
        login: ``user:password``, if the proxy asks for one.

    Raises:
        ProxyRefusalError: it is not connected; nothing stays open.
        OSError: the proxy hung up.
    """
    sock = await open_socket(host, port)
    try:
        await asyncio.get_running_loop().sock_sendall(sock, _asking(target, login))
        _check_status(await _head(sock))
    except BaseException:  # also a cancellation: no socket may stay
        sock.close()
        raise
    return sock


def _asking(target: str, login: str | None) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if login is not None:
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    return "\r\n".join((*lines, "", "")).encode()


async def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to a proxy.

    Raises:
        ProxyRefusalError: it cannot be reached; nothing stays open.
    """
    try:
        return await _tcp(host, port)
    except OSError as error:
        raise ProxyRefusalError(ProxyTrouble.UNREACHABLE, system_error_text(error)) from error


async def _tcp(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    trouble: OSError | None = None
    for family, kind, number, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, number)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            trouble = error
        except BaseException:  # a cancellation: no socket may stay
            sock.close()
            raise
        else:
            return sock
    raise trouble or OSError("the name has no address")


async def _head(sock: socket.socket) -> bytes:
    """An HTTP answer's head and no byte more: what follows it is Telegram's."""
    loop, head = asyncio.get_running_loop(), bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = await loop.sock_recv(sock, 1)
        if not byte:
            raise ProxyRefusalError(ProxyTrouble.CLOSED)
        head += byte
        if not head.startswith(b"HTTP/"[: len(head)]) or len(head) > LONGEST_HEAD:
            raise ProxyRefusalError(ProxyTrouble.GARBLED)
    return bytes(head)


def _check_status(head: bytes) -> None:
    found = STATUS.match(head)
    if found is None:
        raise ProxyRefusalError(ProxyTrouble.GARBLED)
    status = int(found[1])
    if status == LOGIN_WANTED:
        raise ProxyRefusalError(ProxyTrouble.LOGIN_REFUSED)
    if not 200 <= status < 300:
        raise ProxyRefusalError(ProxyTrouble.NO_WAY, f"HTTP {status}")

"""Connections through a proxy: SOCKS5, SOCKS4, HTTP CONNECT or MTProxy.

Owns what a proxy is and how a connection is made through it. What goes wrong on the way is a
``ProxyTroubleError`` with a sentence of its own. SOCKS is spoken by python-socks (the extra
``proxy``). A user name, a password and a secret are in no text that comes out of here.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..errors import ProxySupportMissingError
from .errors.classification import classify
from .errors.proxy_trouble import (
    ProxyRefusalError,
    ProxyTrouble,
    ProxyTroubleError,
    system_error_text,
)
from .errors.verdict import Action, ErrorClass
from .http_connect import connect_by_http, open_socket
from .mtproxy.faketls import shake_hands
from .mtproxy.secret import MtproxyLink, MtproxySecret

SOCKS4_LOGIN: Final = frozenset({92, 93})  # its user id is not known, or another


class ProxyKind(StrEnum):
    """What a proxy speaks."""

    SOCKS5 = "socks5"
    SOCKS4 = "socks4"
    HTTP = "http"
    MTPROTO = "mtproto"


SOCKS: Final = frozenset({ProxyKind.SOCKS5, ProxyKind.SOCKS4})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy that connections to Telegram are made through.

    Args:
        kind: what it speaks.
        host: its name or address.
        port: its TCP port.
        username: for proxies that ask who it is; to SOCKS4 the user id.
        password: the secret that belongs to it; SOCKS4 knows none.
        secret: an MTProxy's, in the place of a login.

    Raises:
        ValueError: an MTProxy without a secret, or a secret without one.
        ProxySupportMissingError: python-socks is not installed, which SOCKS needs.
    """

    kind: ProxyKind
    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    secret: MtproxySecret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.kind is ProxyKind.MTPROTO) != (self.secret is not None):
            raise ValueError("an MTProxy has a secret, and no other proxy has one")
        if self.kind in SOCKS and importlib.util.find_spec("python_socks") is None:
            raise ProxySupportMissingError(str(self))

    @classmethod
    def of_link(cls, text: str) -> Proxy:
        """The MTProxy that a ``tg://proxy`` or ``https://t.me/proxy`` link names.

        Raises:
            BadSecretError: it names none.
        """
        link = MtproxyLink.parse(text)
        return cls(kind=ProxyKind.MTPROTO, host=link.host, port=link.port, secret=link.secret)

    def __str__(self) -> str:
        return f"{self.kind} proxy {_joined(self.host, self.port)}"

    async def connect(self, host: str, port: int, *, timeout: float | None) -> socket.socket:
        """Return a socket that is connected to ``host`` through the proxy.

        An MTProxy is told in the stream itself where to; the socket is connected to the proxy, and
        the two know that they have the same secret if it is one of those that look like TLS.

        Raises:
            ProxyTroubleError: it is not, and why; nothing stays open.
        """
        target = _joined(host, port)
        try:
            async with asyncio.timeout(timeout):
                if self.kind is ProxyKind.HTTP:
                    sock = await connect_by_http(self.host, self.port, target, self._login)
                elif self.secret is not None:
                    sock = await self._by_mtproto(self.secret)
                else:
                    sock = await self._by_socks(host, port)
        except ProxyRefusalError as error:
            raise ProxyTroubleError(self, error.trouble, error.why, target) from error.__cause__
        except TimeoutError as error:
            raise ProxyTroubleError(self, ProxyTrouble.SILENT) from error
        except OSError as error:
            raise ProxyTroubleError(self, ProxyTrouble.CLOSED) from error
        # asyncio does this for sockets that it made; else an answer may wait 40 ms for another's.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    async def _by_mtproto(self, secret: MtproxySecret) -> socket.socket:
        sock = await open_socket(self.host, self.port)
        try:
            if secret.domain is not None:
                await shake_hands(sock, secret)
        except BaseException:  # also a cancellation: no socket may stay
            sock.close()
            raise
        return sock

    async def _by_socks(self, host: str, port: int) -> socket.socket:
        from python_socks import ProxyConnectionError, ProxyError, ProxyType
        from python_socks.async_.asyncio import Proxy as Socks

        kind = ProxyType.SOCKS5 if self.kind is ProxyKind.SOCKS5 else ProxyType.SOCKS4
        way = Socks.create(kind, self.host, self.port, self.username, self.password)
        try:
            return await way.connect(dest_host=host, dest_port=port)
        except ProxyConnectionError as error:
            raise ProxyRefusalError(
                ProxyTrouble.UNREACHABLE, system_error_text(error.__cause__)
            ) from error
        except ProxyError as error:
            raise _socks_refusal(self.kind, str(error), error.error_code) from error

    @property
    def _login(self) -> str | None:
        return None if self.username is None else f"{self.username}:{self.password}"

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Name this proxy in what goes wrong with a line that goes through it."""
        try:
            yield
        except Exception as error:
            told = self._seen(error)
            if told is error:
                raise
            raise told from error

    def _seen(self, error: Exception) -> Exception:
        verdict = classify(error)
        of_line = (verdict.kind, verdict.action) == (ErrorClass.NET, Action.RECONNECT)
        if isinstance(error, ProxyTroubleError) or not of_line:
            return error
        if isinstance(error, TimeoutError):
            return ProxyTroubleError(self, ProxyTrouble.LINE_SILENT)
        if isinstance(error, OSError | EOFError):
            return ProxyTroubleError(self, ProxyTrouble.LINE_CLOSED)
        return ProxyTroubleError(self, ProxyTrouble.LINE_BROKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Which session goes through which proxy; ``None`` is the direct way.

    Args:
        default: for sessions that are not in ``by_session``.
        by_session: by the session's name.
    """

    default: Proxy | None = None
    by_session: Mapping[str, Proxy | None] = field(default_factory=dict)

    def of(self, name: str) -> Proxy | None:
        """The way of a session's client, also of one beside it (``alice:proof``)."""
        return self.by_session.get(name.partition(":")[0], self.default)


@dataclass(frozen=True, slots=True)
class Route:
    """An address and the way there: what connects are counted by, and outages."""

    address: str
    proxy: Proxy | None = None

    def __str__(self) -> str:
        return f"address {self.address}" + ("" if self.proxy is None else f" by {self.proxy}")

    def translate_errors(self) -> AbstractContextManager[None]:
        """Have what goes wrong with a line name its proxy, if there is one."""
        return contextlib.nullcontext() if self.proxy is None else self.proxy.translate_errors()


def _socks_refusal(kind: ProxyKind, said: str, code: int | None) -> ProxyRefusalError:
    """What python-socks says, sorted: the texts are its own, not the proxy's."""
    if "authentication" in said or (kind is ProxyKind.SOCKS4 and code in SOCKS4_LOGIN):
        return ProxyRefusalError(ProxyTrouble.LOGIN_REFUSED)
    if code is not None:
        return ProxyRefusalError(ProxyTrouble.NO_WAY, said)
    if "closed" in said:
        return ProxyRefusalError(ProxyTrouble.CLOSED)
    return ProxyRefusalError(ProxyTrouble.GARBLED)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

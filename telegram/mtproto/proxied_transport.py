"""A connection by an MTProxy: the same frames, in the proxy's own stream.

The proxy picks the data centre by its number, so none of Telegram's addresses is dialled, and none
is known to it.
"""

from __future__ import annotations

import asyncio
from typing import cast

from telethon.errors import InvalidBufferError

from ..mtproxy.obfuscation import BadStreamError, ObfuscatedStream
from ..proxies import Proxy
from .transport import MtprotoTransport


class ProxiedTransport(MtprotoTransport):
    """One connection by an MTProxy; made new for every connect.

    Args:
        host: the data centre's address, which is only told in texts.
        port: its TCP port, the same.
        proxy: the way there, an MTProxy.
        dc_id: the data centre's number.
    """

    __slots__ = ("_stream",)

    def __init__(self, host: str, port: int, *, proxy: Proxy, dc_id: int) -> None:
        super().__init__(host, port, proxy=proxy)
        assert proxy.secret is not None  # noqa: S101 - the proxy looked
        self._stream = ObfuscatedStream(proxy.secret, dc_id)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("asyncio.Transport", transport).write(self._stream.begin())

    def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the proxy closed the connection")
        transport.write(self._stream.outgoing(data))

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            for payload in self._stream.incoming(data):
                self._hand_on(payload)
        except BadStreamError:
            self._lose(InvalidBufferError(b""))

    @property
    def _connected(self) -> bool:
        """Whether there is a connection, as Telethon's own sender asks."""
        return self._transport is not None

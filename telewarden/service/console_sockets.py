"""The console's sockets: bound before the tree starts, served by its actor, then closed."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable

from ..config import Config, ConsoleConfig
from ..console import Access, ConsoleActor, Panel, Role, Token, bind_tcp, bind_unix
from ..supervision import ChildSpec


class ConsoleSockets:
    """Where the pages of one warden are."""

    def __init__(self) -> None:
        self._address: tuple[str, int] | None = None

    @property
    def port(self) -> int | None:
        """The TCP port, once bound; ``None`` without a console."""
        return None if self._address is None else self._address[1]

    @property
    def url(self) -> str | None:
        """The address as a browser takes it; ``None`` without a console."""
        if self._address is None:
            return None
        host, port = self._address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def bind(
        self,
        config: Config,
        panel: Panel,
        undo: contextlib.AsyncExitStack,
        wall: Callable[[], float],
    ) -> ChildSpec | None:
        """Bind them until ``undo``; returns who serves them, ``None`` without a console."""
        console = config.console
        if console is None:
            return None
        tcp = undo.enter_context(contextlib.closing(bind_tcp(console.host, console.port)))
        host, port = tcp.getsockname()[:2]
        self._address = host, port
        unix = undo.enter_context(contextlib.closing(bind_unix(config.control_socket)))
        return ChildSpec(
            id="console",
            actor=ConsoleActor,
            kwargs={
                "panel": panel,
                "tcp": tcp,
                "unix": unix,
                "names": console.names,
                "access": _access(config, console, host, wall),
            },
        )


def _access(
    config: Config, console: ConsoleConfig, address: str, wall: Callable[[], float]
) -> Access:
    """Who may do what at the console that listens there."""
    tokens = (
        Token(name=one.name, role=Role(one.role), digest=digest)
        for one, digest in config.console_tokens()
    )
    local = ipaddress.ip_address(address).is_loopback
    return Access(tokens, local=local, opened=console.open, wall=wall)

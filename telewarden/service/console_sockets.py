"""A warden's sockets: bound before the tree starts, served by their actors, then closed."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import Protocol

from ..actors import SharedUpdates
from ..config import Config, ConsoleConfig
from ..console import Access, ConsoleActor, Panel, Role, Token, bind_tcp, bind_unix
from ..sharing.owner import Owner
from ..supervision import ChildSpec, RestartIntensity


class Served(Panel, Owner, Protocol):
    """A running warden, for both."""


class ConsoleSockets:
    """Where the pages of one warden are, and where programs come that share its sessions."""

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
        owner: Served,
        undo: contextlib.AsyncExitStack,
        wall: Callable[[], float],
        updates: SharedUpdates,
    ) -> tuple[ChildSpec | None, ChildSpec | None]:
        """Bind them until ``undo``; returns who serves console and programs, if anybody does."""
        console = self._bind_console(config, owner, undo, wall)
        return console, _bind_share(config, owner, updates, undo)

    def _bind_console(
        self,
        config: Config,
        panel: Panel,
        undo: contextlib.AsyncExitStack,
        wall: Callable[[], float],
    ) -> ChildSpec | None:
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


def _bind_share(
    config: Config, owner: Owner, updates: SharedUpdates, undo: contextlib.AsyncExitStack
) -> ChildSpec | None:
    """Bind it until ``undo``; returns who serves it, ``None`` where nothing is shared.

    Raises:
        ListenError: it cannot be bound.
    """
    if config.share is None:
        return None
    from ..sharing.actor import ShareActor

    unix = undo.enter_context(
        contextlib.closing(bind_unix(config.share_socket, what="the socket of [share]"))
    )
    return ChildSpec(
        id="share",
        actor=ShareActor,
        kwargs={"owner": owner, "listening": unix, "updates": updates},
        intensity=RestartIntensity(limit=5, period=60.0),
    )

"""The operator's surfaces: commands, web pages, metrics endpoint and control socket.

Owns what each command is called and how it is shown, sockets, HTTP, who may do what over it, the
live page and the client of the control socket. Leaves what a command does to its ``Panel``, which
the warden is.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .access.roles import Role
    from .access.tokens import Access, Token
    from .app import make_app
    from .client import ControlClient
    from .panel import WHO, Panel
    from .server import ConsoleActor
    from .sockets import LONGEST_PATH, UnixListener, bind_tcp, bind_unix
    from .words import LANGUAGES, Words, language_of

__all__ = [
    "LANGUAGES",
    "LONGEST_PATH",
    "WHO",
    "Access",
    "ConsoleActor",
    "ControlClient",
    "Panel",
    "Role",
    "Token",
    "UnixListener",
    "Words",
    "bind_tcp",
    "bind_unix",
    "language_of",
    "make_app",
]

# The server is imported when it is first asked for: a command line that only asks a running
# warden has no use for it.
_LATE = {
    "LANGUAGES": "words",
    "LONGEST_PATH": "sockets",
    "WHO": "panel",
    "Access": "access.tokens",
    "ConsoleActor": "server",
    "ControlClient": "client",
    "Panel": "panel",
    "Role": "access.roles",
    "Token": "access.tokens",
    "UnixListener": "sockets",
    "Words": "words",
    "bind_tcp": "sockets",
    "bind_unix": "sockets",
    "language_of": "words",
    "make_app": "app",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value

"""The operator's surfaces: web pages, metrics endpoint and control socket.

Owns sockets, HTTP, the live page and the client of the control socket. Leaves what a command does
to its ``Panel``, which the warden is.
"""

from .app import make_app
from .client import ControlClient
from .panel import WHO, LoginStep, Panel
from .server import ConsoleActor
from .sockets import LONGEST_PATH, UnixListener, bind_tcp, bind_unix
from .words import LANGUAGES, Words, language_of

__all__ = [
    "LANGUAGES",
    "LONGEST_PATH",
    "WHO",
    "ConsoleActor",
    "ControlClient",
    "LoginStep",
    "Panel",
    "UnixListener",
    "Words",
    "bind_tcp",
    "bind_unix",
    "language_of",
    "make_app",
]

"""The client of the control socket, as the command line uses it.

Synchronous, one connection a command, with what the standard library has. It knows no Telegram
and no actors, so that a command starts quickly.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ..errors import CommandFailedError, WardenUnreachableError
from ..peer_credentials import is_trusted, peer_of

TIMEOUT: Final = 10.0  # seconds
LOGIN_TIMEOUT: Final = 120.0  # seconds; a login may be sent on to another data centre


class ControlClient:
    """Asks the warden that listens on the Unix socket at ``path``.

    Every method raises ``WardenUnreachableError`` when no warden answers, and
    ``CommandFailedError`` with the warden's own sentence when it refuses.

    Args:
        path: the control socket.
        timeout: seconds to wait for each answer; a login may take longer.
        owner: a user who may listen there, besides the one who asks and root.
        language: what explanations and advice are wanted in, one of ``words.LANGUAGES``.

    Who listens is looked at before anything is said: a code or a password is not for whoever put
    a socket of his own at the path.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        timeout: float = TIMEOUT,
        owner: int | None = None,
        language: str = "en",
    ) -> None:
        self.path, self._timeout, self._owner = Path(path), timeout, owner
        self._headers = {"Accept-Language": language}

    def state(self) -> dict[str, Any]:
        """Sessions, groups, floods, tree, counters and the last facts, as the page shows them."""
        return self._json("GET", "/api/state")

    def metrics(self) -> str:
        """What Prometheus would scrape."""
        return self._ask("GET", "/metrics").decode()

    def command(
        self, name: str, given: Mapping[str, object], *, within: float = TIMEOUT
    ) -> dict[str, Any]:
        """Carry out one of ``console.commands``; returns its result as JSON has it."""
        target = f"/api/commands/{_quoted(name.replace(' ', '-'))}"
        return self._json("POST", target, given, timeout=max(self._timeout, within))

    def phase(self, name: str) -> str:
        """Where a session stands, asked of itself."""
        return self.login(name, "look")

    def login(self, name: str, step: str, secret: str | None = None) -> str:
        """Take one step of a login (``start``, ``code``, ``email``, ...); returns the new phase."""
        given = {"session": name, "step": step, "secret": secret}
        return str(self.command("login", given, within=LOGIN_TIMEOUT)["phase"])

    def login_says(self, name: str) -> str:
        """How what a login waits for comes, in a sentence; empty when it waits for nothing."""
        given = {"session": name, "step": "look", "secret": None}
        return str(self.command("login", given, within=LOGIN_TIMEOUT)["says"])

    def drill(self, child: str) -> None:
        """Crash the child at that path of the tree, to see it come back."""
        self.command("drill", {"child": child})

    def _json(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        answer = json.loads(self._ask(method, target, body, timeout=timeout))
        assert isinstance(answer, dict)  # noqa: S101 - both ends are ours
        return answer

    def _ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
    ) -> bytes:
        seconds = timeout or self._timeout
        connection = _UnixConnection(self.path, seconds)
        try:
            connection.connect()
            self._check_peer(connection.sock)
            said = None if body is None else json.dumps(body)
            connection.request(method, target, said, self._headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as exc:
            raise WardenUnreachableError(self.path, _why(exc, seconds)) from exc
        finally:
            connection.close()
        if response.status >= 400:
            raise _refusal(response.status, answer)
        return answer

    def _check_peer(self, connection: socket.socket) -> None:
        peer = peer_of(connection)
        if peer is not None and not is_trusted(peer.uid) and peer.uid != self._owner:
            why = f"is not the one: {peer} listens there, to whom nothing was said"
            raise WardenUnreachableError(self.path, f"{why}; find out what that is")


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; the host is only a word in a header."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's file instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _why(error: Exception, seconds: float) -> str:
    """What was met, as the end of a sentence; empty if it only means that nobody listens."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return ""
        case TimeoutError():
            return f"did not answer within {seconds:g} s"
        case PermissionError():
            return "belongs to another user"
        case ConnectionError() | http.client.HTTPException():
            return "hung up before its answer was complete"
        case _:
            return f"cannot be reached: {error}"


def _refusal(status: int, answer: bytes) -> CommandFailedError:
    try:
        error = json.loads(answer)["error"]
        return CommandFailedError(error["message"], kind=error["type"], status=status)
    except (ValueError, KeyError, TypeError):
        text = answer.decode(errors="replace").strip()
        return CommandFailedError(text or f"the warden answered {status}", status=status)


def _quoted(name: str) -> str:
    return quote(name, safe="")

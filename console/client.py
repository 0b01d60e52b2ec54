"""The client of the control socket, as the command line uses it.

Synchronous, one connection a command. It knows no Telegram and no actors, and asks by HTTP/1.0,
which takes a few lines: a library for it would take a tenth of what a command does.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ..errors import CommandFailedError, WardenUnreachableError
from ..peer_credentials import is_trusted, peer_of

TIMEOUT: Final = 10.0  # seconds
READ_AT_ONCE: Final = 65_536  # bytes
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
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

    def login(self, name: str, step: str, secret: str | None = None) -> dict[str, Any]:
        """Take one step of a login (``start``, ``code``, ``qr``, ...).

        Returns the phase that follows, and what is waited for.
        """
        given = {"session": name, "step": step, "secret": secret}
        return self.command("login", given, within=LOGIN_TIMEOUT)

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
        said = b"" if body is None else json.dumps(body).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(seconds)
                line.connect(str(self.path))
                self._check_peer(line)
                status, answer = _exchange(line, method, target, said, self._headers)
        except (OSError, EOFError) as exc:
            raise WardenUnreachableError(self.path, _why(exc, seconds)) from exc
        if status >= 400:
            raise _refusal(status, answer)
        return answer

    def _check_peer(self, connection: socket.socket) -> None:
        peer = peer_of(connection)
        if peer is not None and not is_trusted(peer.uid) and peer.uid != self._owner:
            why = f"is not the one: {peer} listens there, to whom nothing was said"
            raise WardenUnreachableError(self.path, f"{why}; find out what that is")


def _exchange(
    line: socket.socket, method: str, target: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Ask once, and return the status and what was answered.

    By HTTP/1.0, in which an answer is what comes until the line ends, and never in chunks.

    Raises:
        EOFError: the line ended before the answer was complete.
    """
    own = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    lines = (f"{method} {target} HTTP/1.0", *(f"{name}: {value}" for name, value in own.items()))
    line.sendall("\r\n".join((*lines, "", "")).encode("ascii") + body)
    answer = b"".join(iter(lambda: line.recv(READ_AT_ONCE), b""))
    head, ended, content = answer.partition(b"\r\n\r\n")
    status, length = _STATUS.match(head), _LENGTH.search(head)
    if not ended or status is None or (length and int(length[1]) != len(content)):
        raise EOFError
    return int(status[1]), content


def _why(error: Exception, seconds: float) -> str:
    """What was met, as the end of a sentence; empty if it only means that nobody listens."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return ""
        case TimeoutError():
            return f"did not answer within {seconds:g} s"
        case PermissionError():
            return "belongs to another user"
        case ConnectionError() | EOFError():
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

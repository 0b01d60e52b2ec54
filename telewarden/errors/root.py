"""The root of all errors, and those of configuration, sockets and commands."""

from __future__ import annotations

from typing import Final

from .redaction import redacted

LONGEST_SHOWN: Final = 200  # characters of a value in a message


def counted(count: int, what: str) -> str:
    """So many of what is called so: ``1 pair``, ``2 pairs``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def shown(value: object) -> str:
    """A value as a message can hold it: short, and whatever its own text does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an integer of 5,000 digits, or somebody's own class
        return f"of the type {type(value).__name__} and cannot be shown"
    text = redacted(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


class TelewardenError(Exception):
    """The root of every error that Telewarden raises on purpose.

    What cannot be anything but a secret is taken out of its message.
    """

    def __init__(self, *said: object) -> None:
        super().__init__(*(redacted(one) if isinstance(one, str) else one for one in said))


class ConfigError(TelewardenError):
    """A configuration cannot be used; nothing has been started or written.

    Args:
        source: the file, or ``"config"`` for one that was built in code.
        problems: one sentence for each thing that is wrong, place first.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
        self.source, self.problems = redacted(source), tuple(map(redacted, problems))


class SecretMissingError(TelewardenError):
    """A secret is not where the configuration says; nothing has been started.

    Args:
        what: the configuration key that names it.
        why: what was found instead, with the place; never the secret.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; set it, or correct the configuration")
        self.what, self.why = what, why


class ProxySupportMissingError(TelewardenError):
    """A proxy is to be used that needs python-socks, which is not there; nothing was started."""

    def __init__(self, proxy: str) -> None:
        super().__init__(
            f"{proxy}: the package python-socks is not installed, which SOCKS needs;"
            " pip install 'telewarden[proxy]', or use a proxy of kind http"
        )
        self.proxy = proxy


class ListenError(TelewardenError):
    """An address to listen on cannot be taken; nothing has been started."""

    def __init__(self, what: str, address: str, why: str) -> None:
        super().__init__(f"{what} cannot listen on {address}: {why}; free it or choose another")
        self.what, self.address, self.why = what, address, why


class OpenFilesError(TelewardenError):
    """This process may open too few files for its sessions; nothing has been started."""

    def __init__(self, sessions: int, *, needed: int, allowed: int) -> None:
        super().__init__(
            f"{sessions} sessions need about {needed} open files, and this process may open"
            f" {allowed}; raise the limit (ulimit -n {needed}, or LimitNOFILE={needed})"
        )
        self.sessions, self.needed, self.allowed = sessions, needed, allowed


class LoopbackStateError(TelewardenError):
    """A loopback data centre's state file cannot be used; it is left as it was."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"state file {path}: {why}; correct it or name another file")
        self.path, self.why = path, why


class WardenUnreachableError(TelewardenError):
    """No running warden answers at a control socket; nothing has been asked of one.

    Args:
        path: the socket's file.
        why: what was met instead, in a few words; by default that nobody listens.
    """

    def __init__(self, path: object, why: str = "") -> None:
        super().__init__(
            f"the warden at {path} {why}"
            if why
            else f"no warden listens on {path}; start one with telewarden run"
        )
        self.path, self.why = path, why


class CommandFailedError(TelewardenError):
    """A running warden refused or failed a command; its message is passed on as it is.

    Args:
        message: what the warden said.
        kind: the class of its error.
        status: the HTTP status of its answer.
    """

    def __init__(self, message: str, *, kind: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


class BadCommandError(TelewardenError):
    """A command was not given as it has to be; nothing has been done."""

    def __init__(self, command: str, problem: str) -> None:
        super().__init__(f"{command}: {problem}")
        self.command, self.problem = command, problem


class NotRunningError(TelewardenError):
    """What was asked for is not running (yet)."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(f"{what} is not running; {way_out}")
        self.what = what


class AlreadyRunningError(TelewardenError):
    """What was to be started runs, or is being started; nothing has changed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} runs already; use it as it is, or stop it first")
        self.what = what


class DemoError(TelewardenError):
    """The demonstration could not go on; ``details`` is what the one concerned said."""

    def __init__(self, what: str, details: str) -> None:
        super().__init__(f"{what}: {details}" if details else what)
        self.what, self.details = what, details

"""Errors of proxies, each with one sentence that says what to do.

All of it is trouble of the network: the session is kept, and comes back after a pause. Whether it
is the proxy itself or what lies behind it tells whose other sessions have the same trouble.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from socket import gaierror
from typing import Final


class ProxyTrouble(StrEnum):
    """What went wrong, as verdicts name it."""

    UNREACHABLE = "PROXY_UNREACHABLE"
    LOGIN_REFUSED = "PROXY_LOGIN_REFUSED"
    SECRET_REFUSED = "PROXY_SECRET_REFUSED"  # noqa: S105 - a name
    SILENT = "PROXY_SILENT"
    CLOSED = "PROXY_CLOSED"
    GARBLED = "PROXY_GARBLED"
    NO_WAY = "PROXY_NO_WAY"
    LINE_CLOSED = "PROXY_LINE_CLOSED"
    LINE_SILENT = "PROXY_LINE_SILENT"
    LINE_BROKEN = "PROXY_LINE_BROKEN"


BEHIND: Final = frozenset(
    {
        ProxyTrouble.NO_WAY,
        ProxyTrouble.LINE_CLOSED,
        ProxyTrouble.LINE_SILENT,
        ProxyTrouble.LINE_BROKEN,
    }
)

ADVICE: Final[Mapping[ProxyTrouble, str]] = {
    ProxyTrouble.UNREACHABLE: (
        "{proxy} cannot be reached ({why}); start it, or correct host and port."
    ),
    ProxyTrouble.LOGIN_REFUSED: (
        "{proxy} does not take the user name or the password; correct username and what password"
        " names, then restart the warden."
    ),
    ProxyTrouble.SECRET_REFUSED: (
        "{proxy} does not prove that it knows the secret; correct what secret or link names, and"
        " see that this machine's clock is right."
    ),
    ProxyTrouble.SILENT: (
        "{proxy} does not answer; see whether it is overloaded, and whether kind, host and port are"
        " its own."
    ),
    ProxyTrouble.CLOSED: (
        "{proxy} took the connection and closed it; see its log, and whether kind and port are"
        " its own."
    ),
    ProxyTrouble.GARBLED: (
        "what answers in the place of {proxy} does not speak that; correct kind or port."
    ),
    ProxyTrouble.NO_WAY: (
        "{proxy} does not get to {target} ({why}); let it connect there, or use another."
    ),
    ProxyTrouble.LINE_CLOSED: (
        "the line by {proxy} was closed before Telegram had answered; see its log, or use another."
    ),
    ProxyTrouble.LINE_SILENT: (
        "nothing comes back by {proxy}; see whether it is overloaded or cut off from Telegram."
    ),
    ProxyTrouble.LINE_BROKEN: (
        "what comes back by {proxy} is not what Telegram sent; use another."
    ),
}


class ProxyTroubleError(ConnectionError):
    """A connection through a proxy failed; nothing of it stays, the session is as it was.

    Args:
        proxy: kind, host and port; never who uses it.
        trouble: what went wrong.
        why: the system's or the proxy's word, in brackets.
        target: where the connection was to go.
    """

    def __init__(
        self, proxy: object, trouble: ProxyTrouble, why: str = "", target: str = ""
    ) -> None:
        self.trouble = trouble
        self.advice = ADVICE[trouble].format(proxy=proxy, why=why, target=target)
        super().__init__(self.advice)

    @property
    def behind(self) -> bool:
        """Whether the proxy did its part, and what lies behind it is the trouble."""
        return self.trouble in BEHIND


class ProxyRefusalError(Exception):
    """What went wrong, on its way to the sentence that names the proxy."""

    def __init__(self, trouble: ProxyTrouble, why: str = "") -> None:
        super().__init__(trouble)
        self.trouble, self.why = trouble, why


def system_error_text(error: BaseException | None) -> str:
    """The system's word for a trouble; none that a proxy has sent."""
    if not isinstance(error, OSError) or error.errno is None:
        return type(error).__name__
    # What asyncio puts in the place of the word holds the address once more.
    return str(error.strerror) if isinstance(error, gaierror) else os.strerror(error.errno)

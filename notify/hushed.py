"""Silence of the libraries that send: their log lines have addresses, and those hold secrets.

What is logged while one of our messages is sent is kept back, and can be looked at for the reason
of a failure. What the same libraries do for others is logged as ever.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

LOGGERS: Final = (
    "apprise",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.http_proxy",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx",
    "requests",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
)

_heard: ContextVar[list[str] | None] = ContextVar("telewarden_hushed", default=None)


class _Hush(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        heard = _heard.get()
        if heard is None:
            return True
        if record.levelno >= logging.INFO:
            heard.append(record.getMessage())
        return False


_hush: Final = _Hush()


@contextlib.contextmanager
def hushed() -> Iterator[list[str]]:
    """Let nothing of what these libraries log in this task or thread go on; gives what it was."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_hush)  # once, however often it is added
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)

"""A message through Apprise, in a thread of its own, with a deadline.

Apprise blocks, and its log has addresses with their secrets: nothing of it goes on, only numbers of
errors are read from it, to tell why a message did not go.
"""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any, Final

from ..errors import NotifySupportMissingError, NotSentError
from .hushed import hushed

DEADLINE: Final = 30.0  # seconds for one message; Apprise's own are 4 to connect and 4 to read
NO_ADDRESS: Final = "this is no address that Apprise knows; see its list of services"
STATUS: Final = re.compile(r"error=(\d{3})\b")
TROUBLE: Final = re.compile(
    r"(connection error|refused|timed out|unreachable|resolve|getaddrinfo|certificate)",
    re.IGNORECASE,
)


def send(url: str, title: str, body: str) -> None:
    """Send one message; blocks.

    Raises:
        NotifySupportMissingError: Apprise is not installed.
        NotSentError: the address is none, or the message was not taken; no secret is in it.
    """
    try:
        import apprise
    except ImportError as exc:
        raise NotifySupportMissingError("apprise") from exc
    with hushed() as heard:
        try:
            channels: Any = apprise.Apprise()
            if not channels.add(url):
                raise NotSentError(NO_ADDRESS)
            if channels.notify(title=title, body=body, body_format="text"):
                return
        except NotSentError:
            raise
        except Exception as exc:  # noqa: BLE001 - a plugin's own; its text may hold the address
            raise NotSentError(type(exc).__name__) from None
        raise NotSentError(_why(heard))


def _why(heard: list[str]) -> str:
    for text in reversed(heard):
        if found := STATUS.search(text):
            return f"the service answered {found[1]}"
    for text in reversed(heard):
        if found := TROUBLE.search(text):
            return f"no connection ({found[1].lower()})"
    return "the service did not take it"


async def send_within(url: str, title: str, body: str, *, deadline: float = DEADLINE) -> None:
    """Send one message, waiting at most so many seconds.

    The thread is nobody's hold-up: not the loop's, nor the end of the process.

    Raises:
        NotSentError: also when it takes longer; it may have gone then.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            send(url, title, body)
        except Exception as exc:  # noqa: BLE001 - carried to who waits
            error = exc
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:
            return  # the loop is closed

    threading.Thread(target=work, name="telewarden notify", daemon=True).start()
    try:
        await asyncio.wait_for(future, deadline)
    except TimeoutError:
        raise NotSentError(f"no answer within {deadline:g} s") from None

"""What a service manager is told: systemd's ``sd_notify`` protocol, by hand.

Owns the datagrams and when the watchdog is fed. It is fed by a look at the tree's parts and by
nothing else: no timer goes on when the loop, the journal or the registry does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Final, Protocol

from ..errors import TelewardenError

logger = logging.getLogger(__name__)

FED_EVERY: Final = 1 / 3  # of the watchdog's time: one look that is late is not the end
LOOK_EVERY: Final = 10.0  # seconds between two looks for the status line, without a watchdog


class Watched(Protocol):
    """What is looked at: a warden that runs."""

    async def stuck_parts(self, *, within: float) -> tuple[str, ...]: ...
    def ready(self) -> tuple[bool, str]: ...


class ServiceManager:
    """The manager that started this process; nobody hears it where there is none.

    Args:
        environment: where the manager says how it is reached and when it wants to hear from us.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._watchdog = _watchdog_of(environment)

    def started(self) -> None:
        """The tree is up; reload and watchdog count from here."""
        self._send("READY=1", "STATUS=the tree is up")

    def reloading(self) -> None:
        """The configuration is being read again."""
        moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send("RELOADING=1", f"MONOTONIC_USEC={moment}", "STATUS=reloading")

    def reloaded(self, status: str) -> None:
        """The reload is over, well or not."""
        self._send("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """All is being stopped in order."""
        self._send("STOPPING=1", "STATUS=stopping")

    async def keep_telling(self, warden: Watched) -> None:
        """Feed the watchdog as long as every part answers; ends only when it is cancelled."""
        if not self._address:
            return
        every = LOOK_EVERY if self._watchdog is None else self._watchdog * FED_EVERY
        while True:
            await self._look(warden, within=every)
            await asyncio.sleep(every)

    async def _look(self, warden: Watched, *, within: float) -> None:
        try:
            stuck = await warden.stuck_parts(within=within)
        except TelewardenError as error:
            return self._send(f"STATUS={error}")
        if stuck:
            logger.warning("watchdog not fed stuck=%s", ",".join(stuck))
            return self._send(f"STATUS=no answer from {', '.join(stuck)}")
        return self._send("WATCHDOG=1", f"STATUS={warden.ready()[1]}")

    def _send(self, *fields: str) -> None:
        if not self._address:
            return
        told = "\n".join(" ".join(field.split()) for field in fields)
        # A manager that is gone or does not read is no reason to end, and none to wait.
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as line:
            line.sendto(told.encode(), self._address)


def _watchdog_of(environment: Mapping[str, str]) -> float | None:
    """Seconds in which the manager wants to hear from this process; ``None`` if it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(environment.get("WATCHDOG_USEC", "0")) / 1e6 or None
    except ValueError:
        return None

"""The API block: while Telegram refuses an api_id, none of its sessions sends a packet.

Pure but for the waiting for better times. Who is asked for by a person may try; when Telegram
takes the app again, all come.
"""

from __future__ import annotations

import asyncio
import logging

from ...errors import TelegramError
from ..errors.classification import error_of
from ..errors.verdict import Verdict

logger = logging.getLogger(__name__)


class ApiBlock:
    """Whether one app's sessions are held, and who may look whether they still must be."""

    __slots__ = ("_asked", "_verdict", "_waiting")

    def __init__(self) -> None:
        self._verdict: Verdict | None = None
        self._asked: set[str] = set()
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    @property
    def held(self) -> bool:
        """Whether the app's sessions are held."""
        return self._verdict is not None

    def begin(self, verdict: Verdict) -> None:
        """Telegram has refused the app: nobody connects, nor who was asked for before."""
        if self._verdict is None:
            logger.error("api refused name=%s advice=%s", verdict.name, verdict.advice)
        self._verdict = verdict
        self._asked.clear()

    def end(self) -> None:
        """Telegram takes the app, or is to be asked anew: whoever waits may come."""
        if self._verdict is None:
            return
        logger.info("api no longer held name=%s", self._verdict.name)
        self._verdict = None
        self._asked.clear()
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.done():
                one.set_result(True)

    def record_success(self, name: str) -> None:
        """A client that was let through has been taken."""
        if _session_of(name) in self._asked:
            self.end()

    def allow_probe(self, session: str) -> None:
        """A person wants this session to try, whatever was said."""
        if self._verdict is not None:
            self._asked.add(session)

    def refusal(self, name: str) -> TelegramError | None:
        """The error that a client's opening gets instead of a packet, if there is one.

        ``name`` is a session's, or that of a client beside it.
        """
        verdict, session = self._verdict, _session_of(name)
        if verdict is None or session in self._asked:
            return None
        return error_of(verdict, session=session)

    async def wait_released(self, session: str) -> bool:
        """Wait until the app's sessions are held no more.

        A second wait of a session replaces the first, which is over at once with ``False``.
        """
        if self._verdict is None:
            return True
        earlier = self._waiting.pop(session, None)
        if earlier is not None and not earlier.done():
            earlier.set_result(False)
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[session] = waiting
        return await waiting


def _session_of(name: str) -> str:
    """Whose client it is; one beside the session's own has its name and a colon in front."""
    return name.partition(":")[0]

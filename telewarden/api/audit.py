"""Audit rows for actions outside the registry: orders to pairs, maintenance of logins.

The registry notes its own changes in their transactions. What others do has been done, or refused,
by the time it is noted; the row goes with the next commit, in order, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from ..actors import check_who
from ..errors import JournalUnavailableError, NotRunningError, RegistryError, TelewardenError
from ..storage import Store

logger = logging.getLogger(__name__)


class Auditor:
    """Notes who did what.

    Args:
        post: has work done on the store with the next commit.
        wall: tells the time in epoch seconds.
    """

    def __init__(
        self,
        post: Callable[[Callable[[Store], object]], object],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._post, self._wall = post, wall

    @contextlib.asynccontextmanager
    async def noted(self, who: str, what: str, subject: str) -> AsyncIterator[dict[str, Any]]:
        """Note what the block does, or why it was refused; the block fills in what it changes.

        Raises:
            InvalidRecordError: ``who`` is nobody's name; nothing is done.
        """
        check_who(who)
        after: dict[str, Any] = {}
        try:
            yield after
        except TelewardenError as error:
            self._note(who, what, subject, after, f"refused: {error}")
            raise
        except Exception as error:
            self._note(who, what, subject, after, f"failed: {type(error).__name__}")
            raise
        except BaseException as error:  # cancelled, say: it may have been done all the same
            self._note(who, what, subject, after, f"not known: {type(error).__name__}")
            raise
        self._note(who, what, subject, after, "done")

    @contextlib.contextmanager
    def refusals(self, who: str, what: str, subject: str) -> Iterator[None]:
        """Note what refuses a change before it reaches who else would note it.

        Raises:
            InvalidRecordError: ``who`` is nobody's name; nothing is done.
        """
        check_who(who)
        try:
            yield
        except TelewardenError as error:
            if not isinstance(error.__cause__, RegistryError):  # which the registry has noted
                self._note(who, what, subject, {}, f"refused: {error}")
            raise

    def note(self, who: str, what: str, subject: str) -> None:
        """Note what has been done."""
        self._note(who, what, subject, {}, "done")

    def note_refusal(self, who: str, what: str, subject: str, why: str) -> None:
        """Note what somebody may not do."""
        self._note(who, what, subject, {}, f"refused: {why}")

    def _note(self, who: str, what: str, subject: str, after: dict[str, Any], outcome: str) -> None:
        row = (who, what, subject, None, after or None, outcome, self._wall())
        try:
            self._post(lambda store: store.audit_many([row]))
        except (JournalUnavailableError, NotRunningError) as error:
            logger.warning("not noted in the audit trail what=%s why=%s", what, error)

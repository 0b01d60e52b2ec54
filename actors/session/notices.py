"""What Telegram tells a session unasked: published, logged, and kept for its report."""

from __future__ import annotations

import logging
from typing import Any, Final

from ...telegram import (
    NOTICES,
    KeyDropped,
    NewAuthorization,
    NewBotConnection,
    Notice,
    Noticed,
    Popup,
    kind_of_notice,
    said,
)
from ..context import Services

logger = logging.getLogger(__name__)

KEPT: Final = 86_400.0  # seconds that the last one stays in the report


class Notices:
    """The notices of one session.

    Args:
        services: the clock, and who is told.
    """

    __slots__ = ("_last", "_name", "_services")

    _last: Noticed | None

    def __init__(self, name: str, services: Services) -> None:
        self._name, self._services = name, services
        self._last = None

    @property
    def last(self) -> Noticed | None:
        """What was told last, within a day."""
        last = self._last
        return None if last is None or self._services.now() - last.at > KEPT else last

    def hear(self, notice: Notice) -> None:
        """Take one; nothing is answered to Telegram."""
        kind, now = kind_of_notice(notice), self._services.now()
        meaning, fields = NOTICES[kind], _fields(notice)
        self._last = event = Noticed(
            session=self._name,
            at=now,
            kind=kind,
            explanation=meaning.explanation,
            advice=meaning.advice,
            **fields,
        )
        logger.warning("notice session=%s kind=%s says=%s", self._name, kind, said(event))
        self._services.publish(event)


def _fields(notice: Notice) -> dict[str, Any]:
    match notice:
        case KeyDropped(name):
            return {"name": name}
        case Popup(text=text, error=error):
            return {"name": error, "text": text}
        case NewAuthorization(hash=number, device=device, place=place):
            return {"hash": number, "device": device, "place": place}
        case NewBotConnection(bot_id=number, device=device, place=place):
            return {"hash": number, "device": device, "place": place}

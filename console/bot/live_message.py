"""One message that shows how something goes, by edits: not too many, and the last word always."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from .outgoing import Outgoing

EDIT_EVERY: Final = 3.0  # seconds between two edits; Telegram takes about 20 a minute in one chat
EDITS: Final = 100  # of one message; past that only the last word is shown


class LiveMessage:
    """A message that is edited as its text changes; of what comes too fast the newest is shown.

    Args:
        outgoing: sends and edits.
        chat: where it is.
        sleep: how to wait.
        every: seconds between two edits.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        chat: int,
        *,
        sleep: Callable[[float], Awaitable[None]],
        every: float = EDIT_EVERY,
    ) -> None:
        self._outgoing, self._chat = outgoing, chat
        self._sleep, self._every = sleep, every
        self._text = ""
        self._over = False
        self._changed = asyncio.Event()

    def show(self, text: str) -> None:
        """Have another text shown, as soon as an edit is due."""
        if text != self._text and not self._over:
            self._text = text
            self._changed.set()

    def end(self, text: str) -> None:
        """Have the last text shown; ``run`` returns then."""
        self.show(text)
        self._over = True
        self._changed.set()

    async def run(self) -> None:
        """Send the message, and edit it until its end. Needs a text to begin with."""
        shown = self._text
        message = await self._outgoing.say(self._chat, shown)
        if message is None:  # sent already, by a try whose answer was lost: nobody knows its number
            return
        edits = 0
        while not (self._over and shown == self._text):
            await self._changed.wait()
            self._changed.clear()
            if not self._over:
                await self._until_due()
            if shown != self._text and (self._over or edits < EDITS):
                shown, edits = self._text, edits + 1
                await self._outgoing.change(self._chat, message, shown)

    async def _until_due(self) -> None:
        """Wait for the next edit's time, or the end."""
        pause = asyncio.ensure_future(self._sleep(self._every))
        try:
            while not (pause.done() or self._over):
                woken = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({pause, woken}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                self._changed.clear()
        finally:
            pause.cancel()

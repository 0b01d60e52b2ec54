"""A ``TelegramClient`` whose session another process owns.

All of Telethon's own code works on it: it has another sender, and a session without a key.
Pinned to Telethon 1.45.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telethon import helpers

from ...errors import PlaceLostError, ShareRefusedError
from .._tl import MemorySession, TelegramClient, types
from ..mtproto.message_box import NEVER
from .line import Door
from .shared_sender import ElsewhereSender, SharedSender

ANYWHERE: Final = "127.0.0.1", 443  # Telethon wants an address; nothing is sent there
API: Final = 1, "the owner's"  # Telethon wants an app; the owner's is used


class _NoConnection:
    """What Telethon makes for its sender; this one has a line of its own."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


class SharedClient(TelegramClient):  # type: ignore[misc]  # Telethon ships no types
    """Telethon's client on a session that a running warden owns.

    Args:
        door: where the owner is.
        options: of ``TelegramClient``; what concerns a connection has no effect.
    """

    def __init__(self, door: Door, **options: Any) -> None:
        session = MemorySession()
        session.set_dc(2, *ANYWHERE)
        super().__init__(session, *API, connection=_NoConnection, **options)
        self._door = door
        self._sender = SharedSender(
            door,
            loggers=self._log,
            arrivals=self._updates_queue,
            wants_updates=not self._no_updates,
            greeted=self._greeted,
            missed=self._look_for_missed,
            place_lost=self._lose_place,
        )

    def __repr__(self) -> str:
        return f"<SharedClient {self._door.session} program={self._door.program}>"

    async def connect(self) -> None:
        """Come to the owner of the session, and wait for it where it pauses."""
        if not self._sender.is_connected():
            await helpers._cancel(  # noqa: SLF001 - as Telethon ends them when it disconnects
                self._log[__name__],
                updates_handle=self._updates_handle,
                keepalive_handle=self._keepalive_handle,
            )
        await super().connect()

    async def start(self, *_: Any, **__: Any) -> Any:
        """Connect; the session's login is its owner's, and nothing is asked for."""
        if not self.is_connected():
            await self.connect()
        return self

    async def catch_up(self) -> None:
        """Ask for what was missed, also in channels."""
        self._look_for_missed()

    async def _borrow_exported_sender(self, dc_id: int) -> ElsewhereSender:
        return self._sender.at(dc_id)

    async def _return_exported_sender(self, sender: ElsewhereSender) -> None:
        pass

    async def _get_cdn_client(self, _redirect: Any) -> Any:
        raise ShareRefusedError(
            "a download by a CDN",
            "the owner of the session has no connection to one",
            session=self._door.session,
            program=self._door.program,
        )

    async def _switch_dc(self, new_dc: int) -> None:
        raise ConnectionError(f"the session moves to data centre {new_dc}, which is its owner's")

    def _lose_place(self, error: PlaceLostError) -> None:
        """End behind the updates that have come; Telethon has counted them as seen."""
        last = types.UpdateConfig()
        last.place_lost = error
        self._updates_queue.put_nowait(types.UpdateShort(last, NEVER))

    async def _dispatch_update(self, update: Any) -> None:
        error = getattr(update, "place_lost", None)
        if error is None:
            await super()._dispatch_update(update)
        else:
            self._sender.end(error)

    def _greeted(self, told: Mapping[str, Any]) -> None:
        self.session.set_dc(int(told["dc_id"]), *ANYWHERE)

    def _look_for_missed(self) -> None:
        """Have Telethon ask for what was missed: of the account, and of channels it counts."""
        if self._no_updates or self._message_box.is_empty():
            return
        self._updates_queue.put_nowait(types.UpdatesTooLong())
        _, channels = self._message_box.session_state()
        for channel in channels:
            late = types.UpdateChannelTooLong(channel)
            self._updates_queue.put_nowait(types.UpdateShort(late, NEVER))

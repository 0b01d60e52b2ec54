"""Update handling of a client: in order, in the receiving callback, without a task.

Telethon keeps a queue, a task that waits for it and another for pings with each client. Here a
task runs only while missed updates are fetched, and one timer does the rest: pings, updates that
came out of order and did not fit within half a second, a quarter of an hour of silence.
Pinned to Telethon 1.45.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from telethon._updates import EntityCache, GapError

from .._tl import TelegramClient, functions, types
from ..session import WardenSession, marked_id
from .message_box import Box
from .own_updates import OwnUpdates, own_updates
from .sender import WardenSender

logger = logging.getLogger(__name__)

PING_EVERY: Final = 60.0  # seconds; as Telethon does, so that middleboxes keep the line
REPAIR_AFTER: Final = 1.0  # seconds; what cannot be read seldom comes alone
REPAIR_EVERY: Final = 60.0  # seconds; each reads the history of all sources
AGAIN: Final = 0.001  # seconds; the loop's clock may say the same time twice


class _Arrivals:
    """What Telethon takes for a queue: at its end its loop ends, instead of waiting."""

    __slots__ = ("_hear", "_on_answer", "_settle", "held", "overhear")

    def __init__(
        self,
        hear: Callable[[Any], None],
        settle: Callable[[], None],
        hear_answer: Callable[[Any, Any], None],
    ) -> None:
        self._hear, self._settle, self._on_answer = hear, settle, hear_answer
        self.overhear: Callable[[Any, object], None] | None = None
        """Told of updates as they come, and whose request told of them; must not raise."""
        self.held: list[Any] | None = None
        """What came while missed updates are fetched; None while none are."""

    def put_nowait(self, updates: Any, origin: object = None) -> None:
        if self.overhear is not None:
            self.overhear(updates, origin)
        self.put_again(updates)

    def put_again(self, updates: Any) -> None:
        """Take what was held back meanwhile."""
        if self.held is None:
            self._hear(updates)
        else:
            self.held.append(updates)

    def put_answer(self, request: Any, result: Any) -> None:
        self._on_answer(request, result)

    async def put(self, updates: Any) -> None:
        self.put_nowait(updates)

    async def get(self) -> Any:
        self._settle()  # Telethon comes here when there is no more difference to be asked for
        if not self.held:
            raise asyncio.CancelledError
        return self.held.pop(0)


class UpdatesClient(TelegramClient):  # type: ignore[misc]  # the same
    """The hearing half of a client; the other half connects and asks."""

    session: WardenSession
    _sender: WardenSender
    _deliver: Callable[[Any], None]
    _gap: Callable[[int | None], None]
    _unreadable: Callable[[int], None]
    _cleaning: set[asyncio.Task[None]]
    _ping_every: float
    _pong_within: float
    _sequential_updates, _entity_cache_limit, _catch_up = True, 5_000, False

    def _prepare_updates(self, loggers: Mapping[str, Any]) -> None:
        self._updates_queue = _Arrivals(self._hear, self._settle, self._on_answer)
        self._message_box = Box(loggers["telethon.messagebox"], self._gap)
        self._mb_entity_cache = EntityCache()
        self._updates_handle: asyncio.Task[None] | None = None
        self._updates_error: BaseException | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._ping_at = 0.0
        self._repair: asyncio.TimerHandle | None = None
        self._repair_at = 0.0  # no sooner is read again what could not be
        self._left: set[int] = set()  # chats that the account is out of

    def _start_updates(self, *, catch_up: bool) -> None:
        loop = asyncio.get_running_loop()
        self._ping_at = loop.time() + self._ping_every
        self._set_alarm()
        if catch_up:
            self._hear(types.UpdatesTooLong())

    def overhear(self, listener: Callable[[Any, object], None]) -> None:
        """Have ``listener`` told of updates as they come."""
        self._updates_queue.overhear = listener

    async def _stop_updates(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._repair is not None:
            self._repair.cancel()
            self._repair = None
        fetching = self._updates_handle
        if fetching is not None and fetching is not asyncio.current_task():
            fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await fetching

    # -- updates

    def _hear(self, updates: Any) -> None:
        """Take updates; must not raise, whoever waits for an answer would wait for ever."""
        heard: list[Any] = []
        try:
            users, chats = self._message_box.process_updates(updates, self._mb_entity_cache, heard)
            self._pass_on(heard, users, chats)
        except GapError:
            pass  # what is missing is asked for
        except Exception as error:
            logger.exception("updates not understood kind=%s", type(updates).__name__)
            self._updates_error = error
            self._sender.fail(None)
            return
        if self._message_box.getting_diff_for:
            self._fetch_missed()
        elif self._message_box.incomplete:
            self._set_alarm()

    def _on_unreadable(self, constructor: int, unasked: bool) -> None:
        """Something came that no known layer has; if it was an update, read it another way."""
        self._unreadable(constructor)
        if unasked and self._repair is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + REPAIR_AFTER, self._repair_at)
            self._repair = loop.call_at(at, self._read_otherwise)

    def _read_otherwise(self) -> None:
        """Ask for what was missed, and have histories read; what is lost for good is so alone."""
        self._repair = None
        self._repair_at = asyncio.get_running_loop().time() + REPAIR_EVERY
        self._updates_queue.put_nowait(types.UpdatesTooLong())
        self._gap(None)

    def _settle(self) -> None:
        self._pass_on(self._message_box.settle(), [], [])

    def _on_answer(self, request: Any, result: Any) -> None:
        """Take what the answer to a request tells of the account's own doings; must not raise."""
        try:
            own = own_updates(request, result, self.session.user_id)
        except Exception:  # the request was carried out, and its caller is to have the answer
            logger.exception("answer not understood request=%s", type(request).__name__)
            own = OwnUpdates((), gap=True)
        origin = getattr(request, "origin", None)  # of a request that was passed on
        for updates in own.updates:
            self._updates_queue.put_nowait(updates, origin)
        if own.gap:
            self._gap(own.chat)

    def _pass_on(self, updates: list[Any], users: list[Any], chats: list[Any]) -> None:
        if users or chats:
            self._mb_entity_cache.extend(users, chats)
            self.session.process_entities(types.contacts.ResolvedPeer(None, users, chats))
            self._forget_entities()
        self._note_returns(chats)
        homes: dict[int, Any] | None = None
        for update in updates:
            if not hasattr(update, "_entities"):  # one that had to wait came with its own
                if homes is None:
                    homes = {marked_id(home): home for home in (*users, *chats)}
                update._entities = homes  # noqa: SLF001 - where Telethon's own events look
            self._deliver(update)

    def _note_returns(self, chats: list[Any]) -> None:
        """What went on in a chat while the account was out of it is told to nobody later."""
        for chat in chats:
            number = marked_id(chat)
            forbidden = isinstance(chat, types.ChannelForbidden | types.ChatForbidden)
            if forbidden or getattr(chat, "left", False):
                self._left.add(number)
            elif number in self._left:
                self._left.discard(number)
                self._gap(number)

    def _forget_entities(self) -> None:
        cache = self._mb_entity_cache
        if len(cache) >= self._entity_cache_limit:
            known = self._message_box.map
            cache.retain(lambda one: one == cache.self_id or one in known)

    async def _preprocess_updates(self, updates: Any, users: Any, chats: Any) -> list[Any]:
        # Told in the same breath in which they are counted as seen: Telethon would put them
        # in a queue of its own, and drop it with the connection.
        self._pass_on(updates, users, chats)
        return []

    def _fetch_missed(self) -> None:
        if self._updates_handle is None and self._sender.is_connected():
            self._updates_queue.held = []
            self._updates_handle = asyncio.get_running_loop().create_task(self._update_loop())
            self._updates_handle.add_done_callback(self._fetched)

    def _fetched(self, fetching: asyncio.Task[None]) -> None:
        self._updates_handle = None
        if not fetching.cancelled() and fetching.exception() is not None:
            logger.error("missed updates not fetched error=%s", type(fetching.exception()).__name__)
        self._settle()
        held, self._updates_queue.held = self._updates_queue.held, None
        for updates in held or ():
            self._updates_queue.put_again(updates)
        if self._updates_error is None and self._sender.is_connected():
            self._set_alarm()

    # -- the timer

    def _set_alarm(self) -> None:
        """Look again when the next ping, or the next deadline of the updates, is due."""
        loop = asyncio.get_running_loop()
        at = max(min(self._ping_at, self._message_box.check_deadlines()), loop.time() + AGAIN)
        if self._alarm is not None:
            if self._alarm.when() <= at and not self._alarm.cancelled():
                return
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._look)

    def _look(self) -> None:
        self._alarm = None
        if not self._sender.is_connected():
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._ping_at:
            self._ping_at = loop.time() + self._ping_every
            self._ping(loop)
            self._let_borrowed_go(loop)
        self._message_box.check_deadlines()
        if self._message_box.getting_diff_for:
            self._fetch_missed()
        else:
            self._set_alarm()

    def _let_borrowed_go(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections to other data centres that have not been used for a while."""
        if "_borrowed_senders" in vars(self):
            cleaning = loop.create_task(self._clean_exported_senders())
            self._cleaning.add(cleaning)
            cleaning.add_done_callback(self._cleaning.discard)

    def _ping(self, loop: asyncio.AbstractEventLoop) -> None:
        pong = self._sender.send(functions.PingRequest(random.randrange(2**62)))
        late = loop.call_later(self._pong_within, self._not_heard, pong)
        pong.add_done_callback(lambda pong: _answered(pong, late))

    def _not_heard(self, pong: Any) -> None:
        self._sender.forget(pong)
        self._sender.fail(TimeoutError(f"no pong within {self._pong_within:g} s"))


def _answered(pong: asyncio.Future[Any], late: asyncio.TimerHandle) -> None:
    late.cancel()
    if not pong.cancelled():
        pong.exception()  # looked at: that the line was lost is told elsewhere

"""Telethon with its own will taken away: nothing here sleeps, retries or reconnects by itself.

``WardenClient`` connects and proves itself in one round trip, hands updates on in
order and without tasks, and surfaces every error at once. Pinned to Telethon 1.45: it stands
on internals, each of which the tests exercise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from telethon._updates import Entity, EntityType, SessionState
from telethon._updates.session import ChannelState
from telethon.tl.alltlobjects import LAYER

from ._tl import TelegramClient, functions, types, utils
from .errors import ErrorClass, classify
from .sender import WardenSender
from .session import CHANNEL_MARK, WardenSession

__all__ = ["WardenClient"]

logger = logging.getLogger(__name__)
telethon_logger = logging.getLogger(f"{__name__}.telethon")
# Below WARNING Telethon writes the contents of messages it cannot place. Whoever needs them
# for a hunt sets the level of this logger.
telethon_logger.setLevel(logging.WARNING)

DEFAULT_DC: Final = (2, "149.154.167.51", 443)  # Telegram's own, where a fresh login starts
PING_EVERY: Final = 60.0  # seconds; as Telethon does, so that middleboxes keep the line
PATIENCE: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between tries to fetch missed updates
LONGEST_PAUSE: Final = 300.0  # seconds that missed updates wait for a flood to end

Sleep = Callable[[float], Awaitable[None]]


class WardenClient(TelegramClient):  # type: ignore[misc]  # the same
    """A TelegramClient that does what it is told and nothing else.

    Args:
        session: its live state.
        deliver: called with each update (a Telethon TL object) in order; must not raise.
        gap: called with a marked chat id, or None for any, when updates are lost for good.
        sleep: how to wait between pings, and between tries to fetch missed updates.
        pong_within: seconds after which a silent line is given up.
    """

    def __init__(
        self,
        session: WardenSession,
        api_id: int,
        api_hash: str,
        *,
        deliver: Callable[[Any], None],
        gap: Callable[[int | None], None],
        sleep: Sleep = asyncio.sleep,
        pong_within: float = 20.0,  # Telethon waits for its next ping, a minute
        **options: Any,
    ) -> None:
        super().__init__(
            session,
            api_id,
            api_hash,
            use_ipv6=":" in (session.server_address or ""),
            request_retries=0,
            connection_retries=0,
            retry_delay=0,
            auto_reconnect=False,
            sequential_updates=True,
            flood_sleep_threshold=0,
            raise_last_call_error=True,
            base_logger=telethon_logger,
            receive_updates=True,
            **options,
        )
        self._deliver, self._gap, self._sleep = deliver, gap, sleep
        self._pong_within = pong_within
        self._dc_config: Any = None
        self._sender = WardenSender(
            session.auth_key,
            loggers=self._log,
            retries=0,
            delay=0,
            auto_reconnect=False,
            connect_timeout=self._timeout,
            auth_key_callback=self._auth_key_callback,
            updates_queue=self._updates_queue,
        )

    # -- connecting

    async def dial(self, query: Any) -> Any:
        """Connect, say who we are and ask ``query``: one round trip, and the true error."""
        self._loop = asyncio.get_running_loop()
        if not self.session.server_address:
            self.session.set_dc(*DEFAULT_DC)
        await self._sender.connect(
            self._connection(
                self.session.server_address,
                self.session.port,
                self.session.dc_id,
                loggers=self._log,
                proxy=self._proxy,
                local_addr=self._local_addr,
            )
        )
        if not self.session.auth_key:
            self.session.auth_key = self._sender.auth_key
        self._init_request.query = query
        return await self._sender.answer(
            functions.InvokeWithLayerRequest(LAYER, self._init_request)
        )

    async def connect(self) -> None:
        """Connect without proof of a login, as Telethon does when it changes data centre."""
        self._dc_config = await self.dial(functions.help.GetConfigRequest())
        self._start_loops()

    async def enter(self, state: Any) -> None:
        """Take updates up from the stored state, or from ``state`` when nothing is stored."""
        stored = dict(self.session.get_update_states())
        own = stored.pop(0, None)
        self._catch_up = own is not None
        start = own or state
        self._message_box.load(
            SessionState(
                0, 0, False, start.pts, start.qts, int(start.date.timestamp()), start.seq, None
            ),
            [ChannelState(channel, known.pts) for channel, known in stored.items()]
            if own is not None
            else [],
        )
        self._put_channels(stored)
        self._authorized = True
        await self.know_self()
        self.session.refresh = self.save_states
        self._start_loops()

    async def know_self(self) -> None:
        """Learn who this account is, from the store or from Telegram."""
        if self.session.user_id is None:
            (user,) = await self(functions.users.GetUsersRequest([types.InputUserSelf()]))
            self.session.user_id = user.id
        row = self.session.entity(self.session.user_id)
        self._mb_entity_cache.set_self_user(
            self.session.user_id, False, row.access_hash if row else None
        )

    def know_channels(self, page: Any) -> None:
        """Take up the channels of a page of dialogs, so that what is missed there is asked for."""
        self._mb_entity_cache.extend(page.users, page.chats)
        for dialog in page.dialogs:
            if dialog.pts is not None and isinstance(dialog.peer, types.PeerChannel):
                self._message_box.try_set_channel_state(dialog.peer.channel_id, dialog.pts)
        self.session.touch()

    def _put_channels(self, stored: dict[int, Any]) -> None:
        for channel in stored:
            row = self.session.entity(-(CHANNEL_MARK + channel))
            if row is not None:
                self._mb_entity_cache.put(Entity(EntityType.CHANNEL, channel, row.access_hash))

    def _start_loops(self) -> None:
        loop = asyncio.get_running_loop()
        self._updates_handle = loop.create_task(self._update_loop())
        self._keepalive_handle = loop.create_task(self._keepalive_loop())

    async def _keepalive_loop(self) -> None:
        while self.is_connected():
            await self._sleep(PING_EVERY)
            await self._clean_exported_senders()
            try:
                async with asyncio.timeout(self._pong_within):
                    await self._sender.answer(functions.PingRequest(random.randrange(2**62)))
            except TimeoutError:
                self._sender.fail(TimeoutError(f"no pong within {self._pong_within:g} s"))
                return
            except ConnectionError:
                return

    async def leave(self) -> None:
        """Disconnect: what ``disconnect()`` does, but in a task that the caller can watch."""
        await self._disconnect_coro()

    # -- state

    def save_states(self) -> None:
        """Copy how far updates have been seen into the session."""
        if self._message_box.is_empty():
            return
        own, channels = self._message_box.session_state()
        self.session.set_update_state(0, types.updates.State(**own, unread_count=0))
        for channel, pts in channels.items():
            state = types.updates.State(pts, 0, own["date"], 0, unread_count=0)
            known = self.session.get_update_state(channel)
            if known is None or known.pts != pts:
                self.session.set_update_state(channel, state)

    @property
    def heard(self) -> int:
        """How far the account's updates have been heard: its pts here."""
        return int(self._message_box.session_state()[0]["pts"])

    async def _save_states_and_entities(self) -> None:
        self.save_states()

    async def _get_dc(self, dc_id: int, cdn: bool = False) -> Any:
        # Telethon keeps this list on the class, where every client of the process shares it.
        if self._dc_config is None:
            self._dc_config = await self(functions.help.GetConfigRequest())
        found = [dc for dc in self._dc_config.dc_options if dc.id == dc_id and bool(dc.cdn) == cdn]
        fitting = [dc for dc in found if bool(dc.ipv6) == self._use_ipv6]
        if not found:
            raise ValueError(f"Telegram names no address for data centre {dc_id}")
        return (fitting or found)[0]

    # -- calling

    async def _call(
        self,
        sender: WardenSender,
        request: Any,
        ordered: bool = False,  # noqa: ARG002 - Telethon's signature
        flood_sleep_threshold: int | None = None,  # noqa: ARG002 - the same
    ) -> Any:
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError("The asyncio event loop must not change after connection")
        if utils.is_list_like(request):
            return [await self._call(sender, one) for one in request]
        await request.resolve(self, utils)
        self._last_request = time.time()
        if asyncio.current_task() is self._updates_handle:
            result = await self._patient(sender, request)
        else:
            result = await self._once(sender, request)
        self._learn(result)
        return result

    async def in_turn(self, requests: Sequence[Any], *, deadline: float) -> list[Any]:
        """Send requests that address chats by their hashes already, each after the one before.

        Returns an answer or an exception for each.
        """
        self._last_request = time.time()
        results = await self._sender.answers(requests, deadline=deadline)
        for result in results:
            self._learn(result)
        return results

    def _learn(self, result: Any) -> None:
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            # The server has done it: what cannot be remembered must not look like a failure.
            self.session.process_entities(result)

    async def _once(self, sender: Any, request: Any) -> Any:
        if isinstance(sender, WardenSender):
            return await sender.answer(request)
        return await sender.send(request)  # a borrowed connection to another data centre

    async def _patient(self, sender: Any, request: Any) -> Any:
        """Fetch missed updates through a short trouble: Telethon would wait 15 minutes."""
        for pause in PATIENCE:
            try:
                result = await self._once(sender, request)
            except Exception as error:
                verdict = classify(error)
                if verdict.kind not in (ErrorClass.SRV, ErrorClass.FLOOD):
                    raise
                logger.info("missed updates wait reason=%s", verdict.name)
                await self._sleep(min(max(pause, verdict.wait or 0.0), LONGEST_PAUSE))
            else:
                self._note_gaps(request, result)
                return result
        self._gap(_chat_of(request))
        return await self._once(sender, request)

    def _note_gaps(self, request: Any, result: Any) -> None:
        if isinstance(result, types.updates.DifferenceTooLong):
            self._gap(None)
        elif isinstance(result, types.updates.ChannelDifferenceTooLong):
            self._gap(_chat_of(request))
        for update in getattr(result, "other_updates", None) or ():
            if isinstance(update, types.UpdateChannelTooLong):
                channel = update.channel_id
                if channel not in self._message_box.map or not self._mb_entity_cache.get(channel):
                    self._gap(-(CHANNEL_MARK + channel))

    async def _preprocess_updates(self, updates: Any, users: Any, chats: Any) -> list[Any]:
        # Told in the same breath in which they are counted as seen: Telethon would put them
        # in a queue of its own, and drop it with the connection.
        for update in await super()._preprocess_updates(updates, users, chats):
            self._deliver(update)
        return []


def _chat_of(request: Any) -> int | None:
    channel = getattr(request, "channel", None)
    return None if channel is None else -(CHANNEL_MARK + channel.channel_id)

"""A Telethon client that neither sleeps, retries nor reconnects by itself.

``WardenClient`` connects and proves itself in one round trip and surfaces every error at once.
It is built without Telethon's own constructor, which makes two dozen things that are not needed
here, a class of its own among them, for each client. Pinned to Telethon 1.45: it stands on
internals, each of which the tests exercise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

from telethon._updates import Entity, EntityType, SessionState
from telethon._updates.session import ChannelState
from telethon.network import ConnectionTcpFull
from telethon.tl.alltlobjects import LAYER

from .._tl import functions, types, utils
from ..gate import Gate
from ..proxies import Proxy
from ..session import CHANNEL_MARK, WardenSession
from .difference import MissedUpdates, Sleep
from .proxied_transport import ProxiedTransport
from .sender import WardenSender
from .transport import MtprotoTransport
from .updates import PING_EVERY, UpdatesClient

logger = logging.getLogger(__name__)
telethon_logger = logging.getLogger(f"{__name__}.telethon")
# Below WARNING Telethon writes the contents of messages it cannot place. Whoever needs them
# for a hunt sets the level of this logger.
telethon_logger.setLevel(logging.WARNING)

DEFAULT_DC: Final = (2, "149.154.167.51", 443)  # Telegram's own, where a fresh login starts


class _Loggers(dict[str, logging.Logger]):
    """Telethon's loggers by their names, all below one that we own; shared by all clients."""

    def __missing__(self, key: str) -> logging.Logger:
        self[key] = found = telethon_logger.getChild(key.removeprefix("telethon."))
        return found


LOGGERS: Final = _Loggers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What every client of an app says of itself when it connects."""

    api_id: int
    api_hash: str = field(repr=False)
    model: str
    system: str
    app: str
    lang: str

    def asking(self, query: Any) -> Any:
        """The first request of a connection, with ``query`` inside."""
        return functions.InitConnectionRequest(
            api_id=self.api_id,
            device_model=self.model,
            system_version=self.system,
            app_version=self.app,
            lang_code=self.lang,
            system_lang_code=self.lang,
            lang_pack="",
            query=query,
        )


class _BorrowedLine(ConnectionTcpFull):  # type: ignore[misc]  # Telethon ships no types
    """Telethon's own connection, to another data centre, by our way through a proxy."""

    _proxy: Proxy

    async def _proxy_connect(self, timeout: float | None = None, local_addr: Any = None) -> Any:  # noqa: ARG002 - Telethon's signature
        return await self._proxy.connect(self._ip, self._port, timeout=timeout)


def _transport(host: str, port: int, dc_id: int, *, proxy: Proxy | None) -> MtprotoTransport:
    """An unconnected line to a data centre."""
    if proxy is not None and proxy.secret is not None:
        return ProxiedTransport(host, port, proxy=proxy, dc_id=dc_id)
    return MtprotoTransport(host, port, proxy=proxy)


def _borrowed(ip: str, port: int, dc_id: int, *, proxy: Proxy, **_: Any) -> MtprotoTransport:
    """A line to another data centre by an MTProxy, as Telethon makes its own connections."""
    return _transport(ip, port, dc_id, proxy=proxy)


def _on_demand(make: Callable[[], Any]) -> Any:
    """An attribute that is made when it is first looked at."""
    return cached_property(lambda _: make())


class WardenClient(UpdatesClient):
    """A TelegramClient that does what it is told and nothing else.

    Args:
        session: its live state.
        greeting: what it says of itself.
        deliver: called with each update (a Telethon TL object) in order; must not raise.
        gap: called with a marked chat id, or None for any, when updates are lost for good.
        unreadable: called with each constructor that no known layer has.
        sleep: how to wait between tries to fetch missed updates.
        ping_every: seconds between two pings.
        pong_within: seconds after which a silent line is given up.
        gate: who knows which calls must wait; what fetches missed updates waits by itself.
        proxy: the way of all its connections; None for the direct one.
    """

    # What Telethon's constructor gives each client, and is the same for all of ours.
    _log, _timeout, _local_addr = LOGGERS, 10, None
    _connection: Any = _BorrowedLine
    _request_retries = _connection_retries = _retry_delay = 0
    _auto_reconnect = _no_updates = False
    _raise_last_call_error = True
    _flood_sleep_threshold = 0
    _parse_mode = _phone = _tos = _keepalive_handle = _authorized = None
    # What it gives each client, and hardly one of ours ever uses.
    _borrow_sender_lock = _on_demand(asyncio.Lock)
    _borrowed_senders = _on_demand(dict)
    _cleaning = _on_demand(set)
    _exported_sessions = _on_demand(dict)
    _flood_waited_requests = _on_demand(dict)
    _event_handler_tasks = _on_demand(set)
    _event_builders = _on_demand(list)
    _conversations = _on_demand(lambda: defaultdict(set))
    _albums = _on_demand(dict)
    _phone_code_hash = _on_demand(dict)
    _megagroup_cache = _on_demand(dict)
    _init_request = cached_property(lambda self: self._greeting.asking(None))

    def __init__(  # does not call Telethon's; a test compares what that one makes
        self,
        session: WardenSession,
        greeting: Greeting,
        *,
        deliver: Callable[[Any], None],
        gap: Callable[[int | None], None],
        unreadable: Callable[[int], None] = lambda _: None,
        sleep: Sleep = asyncio.sleep,
        ping_every: float = PING_EVERY,
        pong_within: float = 20.0,  # Telethon waits for its next ping, a minute
        gate: Gate | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.session, self._greeting, self._proxy = session, greeting, proxy
        if proxy is not None and proxy.secret is not None:
            self._connection = _borrowed
        self._gate = gate
        self._deliver, self._gap, self._sleep = deliver, gap, sleep
        self._unreadable = unreadable
        self._ping_every, self._pong_within = ping_every, pong_within
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_request = 0.0
        self._dc_config: Any = None
        self._prepare_updates(LOGGERS)
        self._sender = WardenSender(
            session.auth_key,
            loggers=LOGGERS,
            arrivals=self._updates_queue,
            on_key=self._auth_key_callback,
            on_unreadable=self._on_unreadable,
        )

    @cached_property
    def _missed(self) -> MissedUpdates:
        return MissedUpdates(
            self.session,
            self._message_box,
            self._mb_entity_cache,
            gap=self._gap,
            fail=self._sender.fail,
            sleep=self._sleep,
        )

    @property
    def api_id(self) -> int:
        """The app's id."""
        return self._greeting.api_id

    @property
    def api_hash(self) -> str:
        """The hash that belongs to it."""
        return self._greeting.api_hash

    @property
    def _use_ipv6(self) -> bool:
        return ":" in (self.session.server_address or "")

    # -- connecting

    async def connect_and_invoke(self, query: Any) -> Any:
        """Connect, say who we are and ask ``query``: one round trip, and the true error."""
        self._loop = asyncio.get_running_loop()
        if not self.session.server_address:
            self.session.set_dc(*DEFAULT_DC)
        await self._sender.connect(
            _transport(
                self.session.server_address,
                self.session.port,
                self.session.dc_id,
                proxy=self._proxy,
            )
        )
        if not self.session.auth_key:
            self.session.auth_key = self._sender.auth_key
        return await self._sender.answer(
            functions.InvokeWithLayerRequest(LAYER, self._greeting.asking(query))
        )

    async def connect(self) -> None:
        """Connect without proof of a login, as Telethon does when it changes data centre."""
        self._dc_config = await self.connect_and_invoke(functions.help.GetConfigRequest())
        self._start_updates(catch_up=False)

    async def begin_updates(self, state: Any) -> None:
        """Take updates up from the stored state, or from ``state`` when nothing is stored."""
        stored = dict(self.session.get_update_states())
        own = stored.pop(0, None)
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
        self._start_updates(catch_up=own is not None)

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
            if not isinstance(dialog, types.Dialog):
                continue  # a folder, or a community, which is no chat
            if dialog.pts is not None and isinstance(dialog.peer, types.PeerChannel):
                self._message_box.try_set_channel_state(dialog.peer.channel_id, dialog.pts)
        self.session.touch()

    def forget_peer(self, chat: int) -> None:
        """Forget the access hash of a chat."""
        bare, _ = utils.resolve_id(chat)
        self._mb_entity_cache.hash_map.pop(bare, None)

    def _put_channels(self, stored: dict[int, Any]) -> None:
        for channel in stored:
            row = self.session.entity(-(CHANNEL_MARK + channel))
            if row is not None:
                self._mb_entity_cache.put(Entity(EntityType.CHANNEL, channel, row.access_hash))

    async def close(self) -> None:
        """Disconnect: what ``disconnect()`` does, but in a task that the caller can watch."""
        await self._disconnect_coro()

    async def _disconnect_coro(self) -> None:
        await self._disconnect()
        for _state, sender in vars(self).get("_borrowed_senders", {}).values():
            await sender.disconnect()
        self.save_states()

    async def _disconnect(self) -> None:
        await self._sender.disconnect()
        await self._stop_updates()

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
    def lost(self) -> bool:
        """Whether the connection is gone, and was not closed here."""
        return self._sender.lost

    @property
    def server_time(self) -> float | None:
        """Telegram's time at its last message, in epoch seconds, which messages are numbered by."""
        newest = self._sender.newest
        return newest / (1 << 32) if newest else None

    @property
    def pts(self) -> int:
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
        await request.resolve(self, utils)  # which may make calls of its own
        self._last_request = time.time()
        ask = partial(self._through_gate, sender)
        if asyncio.current_task() is self._updates_handle:
            result = await self._missed.fetch(request, ask)
        else:
            result = await ask(request)
        self._learn(request, result)
        return result

    async def _through_gate(self, sender: Any, request: Any) -> Any:
        if self._gate is None:
            return await self._once(sender, request)
        if (refusal := self._gate.refusal(request)) is not None:
            raise refusal
        try:
            return await self._once(sender, request)
        except Exception as error:
            self._gate.failed(request, error)
            raise

    async def in_turn(self, requests: Sequence[Any], *, deadline: float) -> list[Any]:
        """Send requests that address chats by their hashes already, each after the one before.

        Returns an answer or an exception for each; of the first that the gate refuses, and of
        those after it, its refusal.
        """
        self._last_request = time.time()
        going, refusal = self._up_to_refusal(requests)
        results = await self._sender.answers(going, deadline=deadline) if going else []
        for request, result in zip(going, results, strict=True):
            if self._gate is not None and isinstance(result, Exception):
                self._gate.failed(request, result)
            self._learn(request, result)
        return [*results, *[refusal] * (len(requests) - len(going))]

    def _up_to_refusal(self, requests: Sequence[Any]) -> tuple[Sequence[Any], Exception | None]:
        if self._gate is None:
            return requests, None
        for at, request in enumerate(requests):
            if (refusal := self._gate.refusal(request)) is not None:
                return requests[:at], refusal
        return requests, None

    def _learn(self, request: Any, result: Any) -> None:
        if isinstance(result, types.messages.ChannelMessages):
            self._begin_to_count(request, result)
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            # The server has done it: what cannot be remembered must not look like a failure.
            self.session.process_entities(result)
            self._note_returns(getattr(result, "chats", None) or [])

    def _begin_to_count(self, request: Any, page: Any) -> None:
        """A channel's history has been read as it was then: from there on nothing may be missing.

        Otherwise the first update of it that comes would be where its count begins, whatever was
        lost before. What is missing up to there is asked for, if it is not about to come.
        """
        peer: Any = getattr(request, "peer", None)
        if isinstance(request, functions.messages.GetHistoryRequest) and isinstance(
            peer, types.InputPeerChannel
        ):
            if not self._mb_entity_cache.get(peer.channel_id):
                row = Entity(EntityType.CHANNEL, peer.channel_id, peer.access_hash)
                self._mb_entity_cache.put(row)
            self._message_box.set_channel_pts(peer.channel_id, page.pts)
            if self._alarm is not None:
                self._set_alarm()

    async def _once(self, sender: Any, request: Any) -> Any:
        if isinstance(sender, WardenSender):
            return await sender.answer(request)
        return await sender.send(request)  # a borrowed connection to another data centre

"""Telethon's sender for a shared session: requests go to the owner, answers and updates come back.

It has what ``TelegramClient`` asks of its ``MTProtoSender``, and no key. Where the owner or its
session pauses, what may be asked again is asked again; of anything else it is said that it is not
known whether it was done. Pinned to Telethon 1.45.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telethon.crypto import AuthKey
from telethon.extensions import BinaryReader
from telethon.tl.alltlobjects import LAYER

from ...errors import (
    LoginCallError,
    OutcomeUnknownError,
    PlaceLostError,
    SharedSessionOfflineError,
    ShareRefusedError,
    SharingError,
    TelewardenError,
    WardenUnreachableError,
)
from .._tl import MTProtoSender, errors, functions, read_object, utils
from ..methods import method_name
from .frames import VERSION, Frame, Kind, pack_call, pack_said
from .line import Door, Line, open_line
from .passed_request import rpc_error, written
from .repeating import DONE_ALREADY, ONCE_BY_ID, may_repeat

logger = logging.getLogger(__name__)

GREETED_WITHIN: Final = 10.0  # seconds
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0  # seconds between two tries to reach the owner
ASK_AGAIN: Final = 0.1  # seconds until a request whose answer was lost is asked again
OF_A_CONNECTION: Final = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
)
"""What Telethon wraps a request in that concerns the connection, which is the owner's."""


@dataclass(slots=True, eq=False)
class _Call:
    """A request that waits for its answer; ``until`` is when it is not asked again any more."""

    number: int
    request: Any
    frame: bytes
    method: str
    future: asyncio.Future[Any]
    until: float
    sent: bool = False
    repeated: bool = False


class SharedSender:
    """What stands where Telethon has its connection.

    Args:
        door: where the owner is.
        loggers: Telethon's, by name.
        arrivals: Telethon's queue of updates.
        wants_updates: whether the owner is to tell any.
        greeted: called with what the owner says of the session, at each connection.
        missed: called when updates may have been missed.
        place_lost: called when no more come, as this program was too slow; it calls ``end`` when
            those that have come are handled.
    """

    def __init__(
        self,
        door: Door,
        *,
        loggers: Mapping[str, Any],
        arrivals: asyncio.Queue[Any],
        wants_updates: bool,
        greeted: Callable[[Mapping[str, Any]], None],
        missed: Callable[[], None],
        place_lost: Callable[[PlaceLostError], None],
    ) -> None:
        self.auth_key = AuthKey(None)
        self.dc_id = 0
        self._door, self._log = door, loggers["telethon.network.mtprotosender"]
        self._updates_queue, self._wants_updates = arrivals, wants_updates
        self._on_greeted, self._missed, self._place_lost = greeted, missed, place_lost
        self._line: Line | None = None
        self._greeting: asyncio.Future[Mapping[str, Any]] | None = None
        self._calls: dict[int, _Call] = {}
        self._numbers = itertools.count(1)
        self._over: asyncio.Future[None] | None = None
        self._coming_back: asyncio.Task[None] | None = None
        self._why: BaseException | None = None  # it is over
        self._sending: set[asyncio.Task[None]] = set()
        self._connected = False

    def __repr__(self) -> str:
        return f"<SharedSender {self._door.session} program={self._door.program}>"

    # -- what Telethon asks for

    async def connect(self, _connection: Any = None) -> bool:
        """Come to the owner; returns whether it was not connected before.

        Raises:
            SharedSessionOfflineError: nobody came within the patience.
            ShareRefusedError: the owner does not let this program in.
        """
        if self._connected:
            return False
        self._over, self._why = asyncio.get_running_loop().create_future(), None
        await self._reach()
        self._connected = True
        return True

    async def disconnect(self) -> None:
        """Leave; whoever waits for an answer is cancelled, as Telethon has it."""
        coming, self._coming_back = self._coming_back, None
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        self.end(None)

    def is_connected(self) -> bool:
        """Whether it is in use; a pause of the owner is part of that."""
        return self._connected

    @property
    def disconnected(self) -> asyncio.Future[None]:
        """A future that is done when it is over, with why if it did not end as asked."""
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
            self._over.set_result(None)
        return asyncio.shield(self._over)

    def send(self, request: Any, ordered: bool = False) -> Any:
        """Send a request, or a list of them; returns a future, or one for each.

        Raises:
            ConnectionError: it is not connected.
        """
        if not utils.is_list_like(request):
            return self.call(request)
        if not ordered:
            return [self.call(one) for one in request]
        return self._in_turn(list(request))

    def _transport_connected(self) -> bool:
        return self._line is not None and self._coming_back is None

    def _keepalive_ping(self, _number: int) -> None:
        """The owner pings."""

    # -- calling

    def at(self, dc_id: int) -> ElsewhereSender:
        """A sender whose requests are carried out in another data centre, by the owner as well."""
        return ElsewhereSender(self, dc_id)

    def call(self, request: Any, *, dc_id: int = 0) -> asyncio.Future[Any]:
        """Send one request; the future gets its answer or its error."""
        if not self._connected and self._line is None:
            raise self._why or ConnectionError("Cannot send requests while disconnected")
        while isinstance(request, OF_A_CONNECTION):
            request = request.query
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        frame = pack_call(number, written(request), dc_id=dc_id)
        until = loop.time() + self._door.patience
        call = _Call(number, request, frame, method_name(request), loop.create_future(), until)
        self._calls[number] = call
        call.future.add_done_callback(lambda _: self._calls.pop(number, None))
        self._send(call)
        return call.future

    def _send(self, call: _Call) -> None:
        if self._line is not None and not call.future.done():
            call.sent = True
            self._line.write(call.frame)

    def _in_turn(self, requests: Sequence[Any]) -> list[asyncio.Future[Any]]:
        """Each goes when the one before it has gone well, and not otherwise."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in requests]
        task = loop.create_task(self._one_by_one(requests, futures))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return futures

    async def _one_by_one(
        self, requests: Sequence[Any], futures: Sequence[asyncio.Future[Any]]
    ) -> None:
        failed = False
        for request, future in zip(requests, futures, strict=True):
            if failed:
                future.set_exception(errors.MsgWaitFailedError(request))
                continue
            try:
                result = await self.call(request)
            except BaseException as error:
                failed = True
                if not future.done():
                    future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                if not future.done():
                    future.set_result(result)

    # -- hearing

    def _hear(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.ANSWER:
                self._answered(frame)
            case Kind.RPC_ERROR:
                self._refused(frame)
            case Kind.FAILED:
                self._failed(frame)
            case Kind.UPDATES:
                self._told(frame.payload)
            case Kind.WELCOME:
                self._welcomed(frame.said)
            case Kind.END:
                self._ended(frame.said)
            case _:
                logger.warning("frame passed over kind=%s", frame.kind.name)

    def _answered(self, frame: Frame) -> None:
        call = self._calls.get(frame.number)
        if call is None or call.future.done():
            return
        try:
            result = call.request.read_result(BinaryReader(frame.payload))
        except Exception as error:  # noqa: BLE001 - as Telethon has it: its asker is told
            call.future.set_exception(error)
            return
        MTProtoSender._store_own_updates(self, result)  # noqa: SLF001 - Telethon's own rule for them
        call.future.set_result(result)

    def _refused(self, frame: Frame) -> None:
        call = self._calls.get(frame.number)
        if call is None or call.future.done():
            return
        code, message = int(frame.said["code"]), str(frame.said["message"])
        if call.repeated and message == DONE_ALREADY and call.method in ONCE_BY_ID:
            call.future.set_exception(self._unknown(call, "it was asked again", done=True))
        else:
            call.future.set_exception(rpc_error(code, message, call.request))

    def _failed(self, frame: Frame) -> None:
        call, said = self._calls.get(frame.number), frame.said
        if call is None or call.future.done():
            return
        kind, why = said.get("kind"), str(said.get("why", ""))
        may_wait = asyncio.get_running_loop().time() < call.until
        if kind == "unknown":
            if may_repeat(call.method) and may_wait:
                call.repeated = True
                self._send_later(call)
            else:
                call.future.set_exception(self._unknown(call, why))
        elif kind == "offline" and said.get("coming") and may_wait:
            self._send_later(call)
        else:
            call.future.set_exception(self._error(kind, why, said))

    def _send_later(self, call: _Call) -> None:
        call.sent = False
        asyncio.get_running_loop().call_later(ASK_AGAIN, self._send, call)

    def _told(self, payload: bytes) -> None:
        if not payload:
            self._missed()
            return
        try:
            self._updates_queue.put_nowait(read_object(payload))
        except Exception as error:  # noqa: BLE001 - what cannot be read is asked for, as missed
            logger.warning("updates not read error=%s", type(error).__name__)
            self._missed()

    def _unknown(self, call: _Call, why: str, *, done: bool = False) -> OutcomeUnknownError:
        return OutcomeUnknownError(call.method, why, done=done, **self._names)

    def _error(self, kind: Any, why: str, said: Mapping[str, Any]) -> TelewardenError:
        match kind:
            case "refused":
                return ShareRefusedError(str(said.get("what", "it")), why, **self._names)
            case "login":
                return LoginCallError(self._door.session, str(said.get("what", "it")), why)
            case "offline":
                return SharedSessionOfflineError(why, **self._names)
            case "lost":
                return PlaceLostError(int(said.get("behind", 0)), **self._names)
            case _:
                return SharingError(why, **self._names)

    @property
    def _names(self) -> dict[str, str]:
        return {"session": self._door.session, "program": self._door.program}

    # -- coming and going

    async def _reach(self) -> None:
        """Come to the owner, again and again for as long as the patience lasts."""
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + self._door.patience, FIRST_WAIT
        while True:
            try:
                await self._greet()
                return
            except (WardenUnreachableError, SharedSessionOfflineError, TimeoutError) as error:
                if loop.time() + wait >= until:
                    if isinstance(error, SharedSessionOfflineError):
                        raise
                    raise SharedSessionOfflineError(str(error), **self._names) from error
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(LONGEST_WAIT, 2 * wait)

    async def _greet(self) -> None:
        greeting = self._greeting = asyncio.get_running_loop().create_future()
        line = await open_line(self._door, self._hear, self._lost)
        try:
            said = {
                "version": VERSION,
                "layer": LAYER,
                "session": self._door.session,
                "program": self._door.program,
                "updates": self._wants_updates,
            }
            line.write(pack_said(Kind.HELLO, 0, said))
            async with asyncio.timeout(GREETED_WITHIN):
                told = await greeting
        except BaseException:  # also when cancelled: nothing stays open, and the error goes on
            line.close()
            raise
        finally:
            self._greeting = None
        self._line = line
        self.dc_id = int(told["dc_id"])
        self._on_greeted(told)

    def _welcomed(self, said: Mapping[str, Any]) -> None:
        if self._greeting is not None and not self._greeting.done():
            self._greeting.set_result(said)

    def _ended(self, said: Mapping[str, Any]) -> None:
        """The owner ends it, and says why."""
        kind, why = said.get("kind"), str(said.get("why", ""))
        error = self._error(kind, why, said)
        if self._greeting is not None:
            if not self._greeting.done():
                self._greeting.set_exception(error)
        elif isinstance(error, PlaceLostError):
            self._place_lost(error)
        elif kind != "stopping":  # what follows then is a pause
            self.end(error)

    def _lost(self, error: BaseException | None) -> None:
        """The connection is gone: what may be asked again waits for the next one."""
        why = str(error) if error is not None else "the owner hung up"
        if self._greeting is not None:
            if not self._greeting.done():
                failed = WardenUnreachableError(self._door.socket, f"hung up: {why}")
                self._greeting.set_exception(failed)
            return
        self._line = None
        for call in tuple(self._calls.values()):
            if call.sent and not may_repeat(call.method) and not call.future.done():
                call.future.set_exception(self._unknown(call, "the connection to its owner ended"))
            call.repeated = call.repeated or call.sent
            call.sent = False
        if self._connected and self._coming_back is None:
            self._coming_back = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        try:
            await self._reach()
        except (TelewardenError, OSError) as error:
            self._coming_back = None
            self.end(error)
            return
        self._coming_back = None
        loop = asyncio.get_running_loop()
        for call in tuple(self._calls.values()):
            call.until = max(call.until, loop.time() + GREETED_WITHIN)
            self._send(call)
        self._missed()

    def end(self, error: BaseException | None) -> None:
        """Be over, with ``error`` for whoever waits for an answer or for the end."""
        self._connected, self._why = False, error
        line, self._line = self._line, None
        if line is not None:
            line.close()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            if call.future.done():
                continue
            if error is None:
                call.future.cancel()
            elif call.sent and not may_repeat(call.method):
                call.future.set_exception(self._unknown(call, str(error)))
            else:
                call.future.set_exception(error)
        if self._over is not None and not self._over.done():
            if error is None:
                self._over.set_result(None)
            else:
                self._over.set_exception(error)
                self._over.exception()  # looked at: whoever waits for the end is told


class ElsewhereSender:
    """A sender of requests that another data centre than the session's own carries out."""

    def __init__(self, sender: SharedSender, dc_id: int) -> None:
        self._sender, self.dc_id = sender, dc_id

    def send(self, request: Any, ordered: bool = False) -> Any:  # noqa: ARG002 - Telethon's signature
        """Send one request; returns a future."""
        return self._sender.call(request, dc_id=self.dc_id)

    async def disconnect(self) -> None:
        """It has no connection of its own."""

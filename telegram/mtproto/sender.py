"""One MTProto connection: raises the original error, drops requests whose caller has gone.

Telethon's sender counts attempts and raises how many there were; it keeps requests whose
callers have gone, leaves others waiting for ever when the line is lost, and keeps four tasks for
each connection. This one has none: what arrives is handled when it arrives, what is to be sent
leaves with the loop's next turn. Pinned to Telethon 1.45: this stands on internals, each of which
the tests exercise.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

from telethon.crypto import AES, AuthKey
from telethon.errors import AuthKeyNotFound, InvalidBufferError, SecurityError, TypeNotFoundError
from telethon.extensions.messagepacker import MessagePacker
from telethon.tl.core import GzipPacked, MessageContainer, RpcResult, TLMessage
from telethon.tl.tlobject import TLRequest

from .._tl import MTProtoSender, MTProtoState, read_object, types
from .transport import MtprotoTransport

logger = logging.getLogger(__name__)

KEY_EXCHANGES: Final = 5  # tries for a new key, on one connection
WORTH_SETTING: Final = 0.5  # seconds; below that two clocks are read at different moments
CONNECT_WITHIN: Final = 10.0  # seconds for TCP alone, as Telethon's
RECENT: Final = 500  # messages whose numbers are remembered, as Telethon does
ACK_AT: Final = 64  # messages to be acknowledged that do not wait for a request to go along with
ACKS: Final = 10  # acknowledgements that may have to be said again


Unreadable = Callable[[int, bool], None]
_CONTAINER: Final = MessageContainer.CONSTRUCTOR_ID.to_bytes(4, "little")


class Arrivals(Protocol):
    """Where updates go."""

    def put_nowait(self, updates: Any) -> None:
        """Take updates; called in the breath in which they came."""

    def put_answer(self, request: Any, result: Any) -> None:
        """Take an answer, which may tell of what the account has done; the same."""


class _Recent(list[int]):
    """The last few numbers; a list takes no room while it is empty, a bounded deque 0.7 KiB."""

    __slots__ = ()

    def append(self, number: int) -> None:
        if len(self) >= 2 * RECENT:
            del self[:RECENT]
        super().append(number)


class _Nobody:
    """Who waits for the answer to what has none."""

    def cancel(self) -> None:
        """Nobody is told."""

    def set_exception(self, error: Exception) -> None:
        """Nobody is told."""


class _Ack:
    """An acknowledgement as Telethon keeps a request, without a future: the last few stay."""

    __slots__ = ("container_id", "data", "msg_id")
    request, future, after = types.MsgsAck([]), _Nobody(), None

    def __init__(self, msg_ids: list[int]) -> None:
        self.data = bytes(types.MsgsAck(msg_ids))
        self.container_id = self.msg_id = None


class _WatchfulState(MTProtoState):  # type: ignore[misc]  # Telethon ships no types
    """Counts what Telethon ignores after one log line, and tells the time by a clock of its own.

    Telethon drops what seems older than five minutes or newer than half of one, by the wall
    clock: one that is set would make a line deaf. Here the monotonic clock counts, and a message
    whose time is odd, though it is sealed with our key and newer than all before, sets it right.
    """

    distrusted = 0
    told: float | None = None
    _highest_remote_id: int

    def __init__(self, auth_key: Any, loggers: Mapping[str, Any]) -> None:
        self.auth_key, self._log = auth_key, loggers["telethon.network.mtprotostate"]
        self._base = time.time() - time.monotonic()
        self.salt = 0
        self._recent_remote_ids = _Recent()
        self.reset()

    @property
    def time_offset(self) -> float:
        """What Telethon adds to the wall clock's time; 0 while that is right."""
        offset = self._base + time.monotonic() - time.time()
        return 0 if abs(offset) < WORTH_SETTING else offset

    @time_offset.setter
    def time_offset(self, offset: float) -> None:
        self._base = time.time() + offset - time.monotonic()

    def decrypt_message_data(self, body: bytes) -> Any:
        ignored = self._ignore_count
        try:
            message = super().decrypt_message_data(body)
            if message is None and self._ignore_count > ignored:
                message = self._once_more(body)
        except SecurityError:
            self.distrusted += 1
            raise
        if message is not None:
            self.told = (message.msg_id >> 32) - time.monotonic()
        return message

    def salvage(self, body: bytes) -> list[tuple[int, int, bytes]]:
        """The messages of a frame that could not be read as a whole, each by itself.

        Its seal has been looked at by then. Each is a number, a sequence and a body.
        """
        aes_key, aes_iv = self._calc_key(self.auth_key.key, body[8:24], False)
        plain = AES.decrypt_ige(body[24:], aes_key, aes_iv)
        msg_id, seq, length = struct.unpack_from("<qii", plain, 16)
        if msg_id <= self._highest_remote_id and msg_id in self._recent_remote_ids:
            return []
        self._recent_remote_ids.append(msg_id)
        self._highest_remote_id = max(msg_id, self._highest_remote_id)
        return _contained(msg_id, seq, plain[32 : 32 + length])

    def _once_more(self, body: bytes) -> Any:
        """Take what was ignored for its time alone; the seal has been looked at by then."""
        msg_id = self._number_of(body)
        if msg_id <= self._highest_remote_id:
            return None  # an old one that is sent again, as an attacker would
        self.time_offset = (msg_id >> 32) - time.time()
        self._last_msg_id = 0
        logger.info("clock set by Telegram's time")
        return super().decrypt_message_data(body)

    def _number_of(self, body: bytes) -> int:
        aes_key, aes_iv = self._calc_key(self.auth_key.key, body[8:24], False)
        (number,) = struct.unpack_from("<q", AES.decrypt_ige(body[24:], aes_key, aes_iv), 16)
        return int(number)


def _contained(msg_id: int, seq: int, body: bytes) -> list[tuple[int, int, bytes]]:
    """The messages of a container, or the one that is none."""
    if not body.startswith(_CONTAINER):
        return [(msg_id, seq, body)]
    found, place = [(msg_id, seq, b"")], 8
    for _ in range(int.from_bytes(body[4:8], "little")):
        inner_id, inner_seq, length = struct.unpack_from("<qii", body, place)
        place += 16
        found.append((inner_id, inner_seq, body[place : place + length]))
        place += length
    return found[1:]


class _Packer(MessagePacker):  # type: ignore[misc]  # the same
    """A send queue that requests can be taken out of again; it takes no room while it is empty."""

    def __init__(
        self, state: _WatchfulState, loggers: Mapping[str, Any], wake: Callable[[], object]
    ) -> None:
        self._state, self._log, self._wake = state, loggers["telethon.extensions"], wake
        self._deque: deque[Any] | None = None

    def append(self, state: Any) -> None:
        self.extend((state,))

    def extend(self, states: Any) -> None:
        if self._deque is None:
            self._deque = deque()
        self._deque.extend(states)
        self._wake()

    def take(self) -> tuple[list[Any] | None, bytes | None]:
        """What goes into the next frame; call it while something waits."""
        packed: tuple[list[Any] | None, bytes | None] = _at_once(self.get())
        if not self._deque:
            self._deque = None
        return packed

    def __len__(self) -> int:
        return len(self._deque or ())

    def drop(self, future: Any) -> None:
        kept = [state for state in self._deque or () if state.future is not future]
        self._deque = deque(kept) if kept else None

    def cancel_all(self) -> None:
        waiting, self._deque = self._deque or (), None
        for state in waiting:
            state.future.cancel()


class WardenSender(MTProtoSender):  # type: ignore[misc]  # the same
    """One connection: says the true error and forgets a request that nobody waits for.

    Args:
        auth_key: Telethon's, or None: then one is agreed upon when connecting.
        loggers: Telethon's loggers, by name.
        arrivals: takes the updates.
        on_key: awaited with a key that was agreed upon.
        on_unreadable: called with a constructor that no known layer has, and whether it was told
            unasked.
    """

    def __init__(
        self,
        auth_key: Any,
        *,
        loggers: Mapping[str, Any],
        arrivals: Arrivals,
        on_key: Callable[[Any], Awaitable[None]],
        on_unreadable: Unreadable,
    ) -> None:
        self._on_unreadable = on_unreadable
        self._loggers, self._log = loggers, loggers["telethon.network.mtprotosender"]
        self._updates_queue, self._auth_key_callback = arrivals, on_key
        self._delay = 0
        self.auth_key = auth_key or AuthKey(None)
        self._state = _WatchfulState(self.auth_key, loggers)
        self._send_queue = _Packer(self._state, loggers, self._send_soon)
        self._connection: MtprotoTransport | None = None
        self._user_connected = self._sending = False
        self._pending_state: dict[int, Any] = {}
        self._pending_ack: list[int] = []
        self._last_acks: list[Any] = []
        self._ping: int | None = None
        self._answered: Any = None
        self._ending: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] | None = None

    @property
    def distrusted(self) -> int:
        """Messages ignored because they could not be trusted."""
        return int(self._state.distrusted)

    @property
    def told_time(self) -> float | None:
        """Telegram's time at the monotonic clock's zero, by its last message; ``None`` for none."""
        told: float | None = self._state.told
        return told

    @property
    def lost(self) -> bool:
        """Whether the connection has ended by itself."""
        over = self._over
        return over is not None and over.done() and over.exception() is not None

    @property
    def newest(self) -> int:
        """The number of the last message that came; 0 for none."""
        return int(self._state._highest_remote_id)  # noqa: SLF001 - Telethon's, of the class above

    @property
    def _disconnected(self) -> asyncio.Future[None]:
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
            self._over.set_result(None)
        return self._over

    # -- connecting and ending

    async def connect(self, line: MtprotoTransport) -> bool:
        """Connect by ``line``, agreeing upon a key if there is none."""
        self._connection = line
        await line.connect(timeout=CONNECT_WITHIN)
        if not self.auth_key and not await self._try_gen_auth_key(1):
            raise ConnectionError("no key could be agreed upon")
        self._over = asyncio.get_running_loop().create_future()
        self._user_connected = True
        line.serve(self._take, self.fail)
        return True

    async def disconnect(self) -> None:
        """Close the connection; returns when it is off."""
        self._end(None)
        if self._ending is not None:
            await asyncio.shield(self._ending)

    def fail(self, error: Exception | None) -> None:
        """Declare the connection lost."""
        if self._user_connected:
            self._end(error)

    def abort(self) -> None:
        """Drop the TCP connection at once, unsent data and all."""
        if self._connection is not None:
            self._connection.abort()

    def _end(self, error: Exception | None) -> None:
        self._user_connected = False
        if self._connection is not None and self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._ended(error))

    async def _ended(self, error: Exception | None) -> None:
        assert self._connection is not None  # noqa: S101 - the caller looked
        try:
            await self._connection.disconnect()
        finally:
            self._connection = self._ending = None
            self._let_everybody_go(error)
            over = self._disconnected
            if not over.done() and error is not None:
                over.set_exception(error)
                over.exception()  # looked at: who wants the cause has it from an answer or event
            elif not over.done():
                over.set_result(None)

    def _let_everybody_go(self, error: Exception | None) -> None:
        pending, self._pending_state = self._pending_state, {}
        for state in pending.values():
            if error is not None and not state.future.done():
                state.future.set_exception(error)
            else:
                state.future.cancel()
        self._send_queue.cancel_all()  # those were never sent: they would wait for ever

    async def _try_gen_auth_key(self, attempt: int) -> bool:
        # One exchange in some hundreds fails by the arithmetic of it; Telegram expects a new one.
        for again in range(KEY_EXCHANGES):
            if await super()._try_gen_auth_key(attempt + again):
                return True
        return False

    # -- asking

    async def answer(self, request: Any) -> Any:
        """Send ``request`` and return its answer; a lost line is a ConnectionError."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        future = self.send(request)
        try:
            return await future
        except asyncio.CancelledError:
            self.forget(future)
            if task and task.cancelling() > before:
                raise
            # What is pending is cancelled when the line is closed: that is no cancelling of ours.
            raise ConnectionAbortedError("the connection was closed before the answer") from None
        except EOFError as error:
            raise ConnectionResetError("Telegram closed the connection") from error

    async def answers(self, requests: Sequence[Any], *, deadline: float) -> list[Any]:
        """Send requests of which each is carried out only if the one before was.

        Returns an answer or an exception for each: behind a refusal it is ``MsgWaitFailedError``,
        and ``TimeoutError`` for what was not answered within ``deadline`` seconds.
        """
        futures = self.send(requests, ordered=True)
        try:
            await asyncio.wait(futures, timeout=deadline)
            return [_outcome(future, deadline) for future in futures]
        finally:
            for future in futures:
                if not future.done():
                    self.forget(future)
                elif not future.cancelled():
                    future.exception()  # looked at, also where whoever waited was cancelled

    def forget(self, future: Any) -> None:
        """Drop the request that ``future`` stands for, sent or not."""
        for msg_id, state in list(self._pending_state.items()):
            if state.future is future:
                del self._pending_state[msg_id]
        self._send_queue.drop(future)

    def _send_soon(self) -> None:
        """Have everything that is asked for in this turn of the loop leave together."""
        if not self._sending and self._user_connected:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send_all)

    def _send_all(self) -> None:
        self._acknowledge()
        try:
            while self._connection is not None and len(self._send_queue):
                batch, data = self._send_queue.take()
                if batch and data:
                    self._note_sent(batch)
                    self._connection.write(self._state.encrypt_message_data(data))
        except OSError as error:
            self.fail(error)
        finally:
            self._sending = False

    def _acknowledge(self) -> None:
        if self._pending_ack:
            ack, self._pending_ack = _Ack(self._pending_ack), []
            self._last_acks = [*self._last_acks[1 - ACKS :], ack]
            self._send_queue.append(ack)

    def _note_sent(self, batch: list[Any]) -> None:
        for state in batch:
            if isinstance(state.request, TLRequest):
                self._pending_state[state.msg_id] = state

    # -- hearing

    def _take(self, frame: bytes) -> None:
        try:
            message = self._state.decrypt_message_data(frame)
        except TypeNotFoundError:
            self._take_apart(frame)
            return
        except SecurityError as error:
            logger.warning("message not trusted why=%s", error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the line is of no use any more
            self._refused(error)
            return
        if message is not None:
            self._handle(message)

    def _handle(self, message: Any) -> None:
        try:
            _at_once(self._process_message(message))
        except Exception:  # one message must not cost the line; its asker runs into a deadline
            logger.exception("message not handled kind=%s", type(message.obj).__name__)

    def _take_apart(self, frame: bytes) -> None:
        """Something in a frame is of no layer that is known: the rest of it is handled."""
        for msg_id, seq, body in self._state.salvage(frame):
            try:
                message = TLMessage(msg_id, seq, read_object(body))
            except TypeNotFoundError as error:
                self._pending_ack.append(msg_id)  # told again it could not be read either
                self._unread(error)
            else:
                self._handle(message)

    def _unread(self, error: TypeNotFoundError) -> None:
        """What was told unasked and cannot be read may be an update."""
        self._on_unreadable(int(error.invalid_constructor_id), True)

    def _refused(self, error: Exception) -> None:
        if isinstance(error, InvalidBufferError):
            self.fail(AuthKeyNotFound() if error.code == 404 else error)
        else:
            logger.error("message not read error=%s", type(error).__name__)
            self.fail(error)

    async def _process_message(self, message: Any) -> None:
        # Nothing below waits for anything, whatever it looks like: Telethon may do so elsewhere.
        self._pending_ack.append(message.msg_id)
        if len(self._pending_ack) >= ACK_AT:
            self._send_soon()
        try:
            await _HANDLERS.get(message.obj.CONSTRUCTOR_ID, _UPDATE)(self, message)
        except TypeNotFoundError as error:  # it was packed
            self._unread(error)

    async def _handle_rpc_result(self, message: Any) -> None:
        waiting = self._pending_state.get(message.obj.req_msg_id)
        if waiting is None:
            logger.debug("late answer passed over msg_id=%d", message.obj.req_msg_id)
            return
        self._answered = waiting.request
        try:
            await super()._handle_rpc_result(message)
        finally:
            self._answered = None
        answer = waiting.future
        error = answer.exception() if answer.done() and not answer.cancelled() else None
        if isinstance(error, TypeNotFoundError):  # its asker is told, too
            self._on_unreadable(int(error.invalid_constructor_id), False)

    def _store_own_updates(self, obj: Any) -> None:
        # Telethon marks these, so as to tell nobody of them, and does not look into the request.
        self._updates_queue.put_answer(self._answered, obj)

    async def _handle_detailed_info(self, message: Any) -> None:
        self._pending_ack.append(message.obj.answer_msg_id)


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("Telethon waits where it did not")


def _outcome(future: asyncio.Future[Any], deadline: float) -> Any:
    if not future.done():
        return TimeoutError(f"no answer within {deadline:g} s")
    if future.cancelled():
        return ConnectionAbortedError("the connection was closed before the answer")
    error = future.exception()
    if isinstance(error, EOFError):
        return ConnectionResetError("Telegram closed the connection")
    return future.result() if error is None else error


_Handler = Callable[[WardenSender, Any], Coroutine[Any, Any, None]]
_UPDATE: Final[_Handler] = WardenSender._handle_update  # noqa: SLF001 - the table of the class above
_HANDLERS: Final[dict[int, _Handler]] = {
    kind.CONSTRUCTOR_ID: handler
    for kind, handler in (
        (RpcResult, WardenSender._handle_rpc_result),  # noqa: SLF001
        (MessageContainer, WardenSender._handle_container),  # noqa: SLF001
        (GzipPacked, WardenSender._handle_gzip_packed),  # noqa: SLF001
        (types.Pong, WardenSender._handle_pong),  # noqa: SLF001
        (types.BadServerSalt, WardenSender._handle_bad_server_salt),  # noqa: SLF001
        (types.BadMsgNotification, WardenSender._handle_bad_notification),  # noqa: SLF001
        (types.MsgDetailedInfo, WardenSender._handle_detailed_info),  # noqa: SLF001
        (types.MsgNewDetailedInfo, WardenSender._handle_detailed_info),  # noqa: SLF001
        (types.NewSessionCreated, WardenSender._handle_new_session_created),  # noqa: SLF001
        (types.MsgsAck, WardenSender._handle_ack),  # noqa: SLF001
        (types.FutureSalts, WardenSender._handle_future_salts),  # noqa: SLF001
        (types.MsgsStateReq, WardenSender._handle_state_forgotten),  # noqa: SLF001
        (types.MsgResendReq, WardenSender._handle_state_forgotten),  # noqa: SLF001
        (types.MsgsAllInfo, WardenSender._handle_msg_all),  # noqa: SLF001
    )
}

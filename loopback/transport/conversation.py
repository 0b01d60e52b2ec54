"""The MTProto conversation: key exchange, encryption, salts, sessions, acknowledgements.

Requests that want an answer go to whoever answers them. Leaves sockets to ``connection``.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from .._tl import UNREADABLE, functions, method_name, read_object, types
from ..data_centre import DataCentre
from ..updates.connections import Link
from ..world.records import Authorization
from .envelope import BadEnvelopeError, Envelope, MessageClock, pack_container, seal, unseal
from .handshake import Handshake, HandshakeError

_PLAIN: Final = struct.Struct("<qqi")
_BAD_SALT: Final = 48


class Wire(Link, Protocol):
    """The connection below: bytes out, and what can go wrong with them."""

    dc_id: int

    def send(self, payload: bytes, *, spoil_checksum: bool = False) -> None:
        """Send one payload in a frame."""

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""

    def send_transport_error(self, code: int, *, raw: bool = False) -> None:
        """Send a transport error such as -404."""

    def stall_reading(self, seconds: float | None) -> None:
        """Stop reading; after ``seconds`` go on."""

    def stall_writing(self, seconds: float | None) -> None:
        """Stop writing; after ``seconds`` go on."""


class Requests(Protocol):
    """Whoever answers what is asked on a connection."""

    def take(self, msg_id: int, seq: int, body: bytes) -> None:
        """Take one message that a client sent encrypted."""

    def take_plain(self, method: str, request: Any) -> None:
        """Take one step of a key exchange."""


class Conversation:
    """The MTProto side of one connection.

    Args:
        connection: the bytes' side of it.
        centre: the data centre that the client talks to.
        answering: makes the one who answers, of the conversation.
    """

    def __init__(
        self,
        connection: Wire,
        centre: DataCentre,
        answering: Callable[[Conversation], Requests],
    ) -> None:
        self.connection = connection
        self.centre = centre
        self.authorization: Authorization | None = None
        self.session_id = 0
        self.wants_updates = True
        self._announced = False
        self._ids = MessageClock(centre.wall)
        self._requests = answering(self)
        self._handshake: Handshake | None = None
        self._corked = False
        self._waiting: list[tuple[int, int, bytes]] = []

    @property
    def key(self) -> Authorization:
        """The key in use; only after something came encrypted."""
        if self.authorization is None:
            raise RuntimeError("nothing has been sent with a key on this connection")
        return self.authorization

    # In

    def take(self, payload: bytes) -> None:
        """Take one payload off the wire."""
        if len(payload) < 24:
            return  # a quick ack, or nothing that a client of ours sends
        if payload[:8] == bytes(8):
            self._take_plain(payload)
        else:
            self._take_encrypted(payload)

    def _take_encrypted(self, payload: bytes) -> None:
        key_id = int.from_bytes(payload[:8], "little")
        authorization = self.centre.world.keys.get(key_id)
        if authorization is None or authorization.dc_id != self.connection.dc_id:
            self.connection.send_transport_error(-404)
            return
        try:
            envelope = unseal(authorization.key, payload)
        except BadEnvelopeError:
            self.connection.send_transport_error(-404)
            return
        self._bind(authorization)
        if self._in_order(envelope):
            for msg_id, seq, body in envelope.messages():
                self._requests.take(msg_id, seq, body)

    def _bind(self, authorization: Authorization) -> None:
        if self.authorization is not authorization:
            if self.authorization is not None:
                self.centre.connections.release(self.connection)
                self.centre.connections.open.add(self.connection)
            self.authorization = authorization
            self.centre.connections.bind(self.connection, authorization)
        authorization.active = self.centre.world.now()
        if authorization.account is not None and self.centre.connections.shared(authorization):
            self.centre.two_on_one_key(authorization)

    def _in_order(self, envelope: Envelope) -> bool:
        """Check session, clock and salt; an objection is sent and the client repeats."""
        if envelope.session_id != self.session_id:
            self.session_id, self._announced = envelope.session_id, False
        skew = self._ids.skew_of(envelope.msg_id)
        if skew is not None:
            self.send(types.BadMsgNotification(envelope.msg_id, envelope.seq, skew), content=False)
            return False
        if envelope.salt != self.key.salt:
            self.refuse_salt(envelope.msg_id, envelope.seq)
            return False
        if not self._announced:
            self._announced = True
            self.send(types.NewSessionCreated(envelope.msg_id, self.session_id, self.key.salt))
        return True

    def refuse_salt(self, msg_id: int, seq: int) -> None:
        """Tell the client the salt to use; it repeats the message by itself."""
        refusal = types.BadServerSalt(msg_id, seq, _BAD_SALT, self.key.salt)
        self.send(refusal, content=False)

    # The key exchange

    def _take_plain(self, payload: bytes) -> None:
        try:
            request = read_object(payload[20:])
        except UNREADABLE:
            self.connection.abort()
            return
        self._requests.take_plain(method_name(request.__class__), request)

    def exchange(self, request: Any) -> None:
        """Answer one step of the key exchange; a step out of order ends the connection."""
        if isinstance(request, (functions.ReqPqMultiRequest, functions.ReqPqRequest)):
            world = self.centre.world
            self._handshake = Handshake(self.centre.rsa, world.entropy, self.centre.wall)
        try:
            if self._handshake is None:
                raise HandshakeError(type(request).__name__)
            answer = bytes(self._handshake.answer(request))
        except (HandshakeError, ValueError, TypeError):
            self.connection.abort()
            return
        if self._handshake.key is not None:
            self.centre.world.add_key(self._handshake.key, dc_id=self.connection.dc_id)
            self.centre.stats.keys += 1
            self._handshake = None
        msg_id = self._ids.next_id(reply=True)
        self.connection.send(_PLAIN.pack(0, msg_id, len(answer)) + answer)

    # Out

    @contextlib.contextmanager
    def corked(self) -> Iterator[None]:
        """Gather what is sent meanwhile into one container."""
        self._corked = True
        try:
            yield
        finally:
            self._corked = False
            self._flush()

    def send(self, obj: Any, *, content: bool = True) -> None:
        """Send a TL object that is no answer to a request."""
        self.send_body(bytes(obj), reply=False, content=content)

    def send_body(self, body: bytes, *, reply: bool, content: bool = True) -> None:
        """Send a message's body, at once or with others."""
        self._waiting.append(
            (self._ids.next_id(reply=reply), self._ids.next_seq(content=content), body)
        )
        if not self._corked:
            self._flush()

    def send_spoiled(self, body: bytes, *, checksum: bool) -> None:
        """Send an answer that the client cannot accept: by its CRC, or by its msg_key."""
        self._flush()
        message = (self._ids.next_id(reply=True), self._ids.next_seq(content=True), body)
        sealed = self._seal(message, spoil_key=not checksum)
        self.connection.send(sealed, spoil_checksum=checksum)

    def _flush(self) -> None:
        waiting = self._waiting
        if not waiting or self.authorization is None:
            return
        self._waiting = []
        if len(waiting) == 1:
            message = waiting[0]
        else:
            # A container's own id comes after those inside, and it wants no acknowledgement.
            body = pack_container(waiting)
            message = (self._ids.next_id(reply=False), self._ids.next_seq(content=False), body)
        self.connection.send(self._seal(message))

    def _seal(self, message: tuple[int, int, bytes], *, spoil_key: bool = False) -> bytes:
        authorization = self.key
        msg_id, seq, body = message
        envelope = Envelope(authorization.salt, self.session_id, msg_id, seq, body)
        return seal(authorization.key, authorization.key_id, envelope, spoil_key=spoil_key)

"""Fault injection on a connection: a table from action to effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ._tl import types
from .faults import actions as a
from .rpc import LateAnswer, RpcError
from .transport.conversation import Conversation
from .transport.rpc_result import pack_result
from .updates.delivery import service_notification


@dataclass(frozen=True, slots=True)
class Struck:
    """The request that a fault hits; ``answer(msg_id)`` carries it out and packs the answer."""

    conversation: Conversation
    msg_id: int
    seq: int
    answer: Callable[[int], LateAnswer]
    request: Any

    def execute(self) -> LateAnswer:
        """Carry the request out; the answer's body is for the caller to send, spoil or lose."""
        return self.answer(self.msg_id)

    def execute_and_send(self) -> None:
        """Carry the request out and send the answer."""
        self.execute().then(self.send)

    def send(self, body: bytes) -> None:
        """Send a body as the answer."""
        self.conversation.send_body(body, reply=True)


def strike(action: a.Action, struck: Struck) -> None:
    """Let ``action`` happen to a request."""
    _DEEDS[type(action)](action, struck)


def strike_plain(
    action: a.Action, conversation: Conversation, carry_on: Callable[[], None]
) -> None:
    """Let ``action`` happen to a step of a key exchange; ``carry_on`` takes the step."""
    connection = conversation.connection
    match action:
        case a.Delay(seconds=seconds):
            conversation.centre.later(seconds, carry_on)
        case a.Silence():
            pass
        case a.TransportError(code=code, raw=raw):
            connection.send_transport_error(code, raw=raw)
        case a.Noise(count=count):
            connection.send_raw(_noise(conversation, count))
        case a.CutConnection(reset=reset):
            connection.abort(reset=reset)
        case a.StallReading(seconds=seconds):
            connection.stall_reading(seconds)
        case a.StallWriting(seconds=seconds):
            connection.stall_writing(seconds)
            carry_on()
        case _:  # there is no key yet to say anything else with
            connection.abort()


def _rpc_error(action: RpcError, struck: Struck) -> None:
    if action.executed:
        struck.execute()
    centre = struck.conversation.centre
    centre.count_error(action)
    struck.send(pack_result(struck.msg_id, types.RpcError(action.code, action.text)))


def _answer(action: a.Answer, struck: Struck) -> None:
    struck.send(pack_result(struck.msg_id, action.make(struck.request)))


def _delay(action: a.Delay, struck: Struck) -> None:
    later = struck.conversation.centre.later
    if action.executed:
        body = struck.execute()
        later(action.seconds, lambda: body.then(struck.send))
    else:
        later(action.seconds, struck.execute_and_send)


def _silence(action: a.Silence, struck: Struck) -> None:
    if action.executed:
        struck.execute()


def _cut(action: a.CutConnection, struck: Struck) -> None:
    if action.executed:
        struck.execute()
    struck.conversation.connection.abort(reset=action.reset)


def _bad_checksum(action: a.BadChecksum, struck: Struck) -> None:
    _spoil(action.executed, struck, checksum=True)


def _bad_msg_key(action: a.BadMsgKey, struck: Struck) -> None:
    _spoil(action.executed, struck, checksum=False)


def _spoil(executed: bool, struck: Struck, *, checksum: bool) -> None:
    def send(body: bytes) -> None:
        struck.conversation.send_spoiled(body, checksum=checksum)

    if executed:
        struck.execute().then(send)
    else:
        send(bytes(types.Pong(struck.msg_id, 0)))


def _send_noise(action: a.Noise, struck: Struck) -> None:
    if action.executed:
        struck.execute()
    struck.conversation.connection.send_raw(_noise(struck.conversation, action.count))


def _transport_error(action: a.TransportError, struck: Struck) -> None:
    if action.executed:
        struck.execute()
    struck.conversation.connection.send_transport_error(action.code, raw=action.raw)


def _bad_salt(_action: a.BadSalt, struck: Struck) -> None:
    conversation = struck.conversation
    conversation.key.salt = conversation.centre.world.random_long()
    conversation.refuse_salt(struck.msg_id, struck.seq)


def _bad_message(action: a.BadMessage, struck: Struck) -> None:
    notice = types.BadMsgNotification(struck.msg_id, struck.seq, action.code)
    struck.conversation.send(notice, content=False)


def _void_key(action: a.VoidKey, struck: Struck) -> None:
    conversation = struck.conversation
    if action.text is None:
        conversation.centre.forget_key(conversation.key)
        conversation.connection.send_transport_error(-404)
    else:
        conversation.centre.void_key(conversation.key, action.text)
        struck.execute_and_send()


def _stall_reading(action: a.StallReading, struck: Struck) -> None:
    connection = struck.conversation.connection
    connection.stall_reading(action.seconds)
    if action.seconds is not None:  # the request was read too late, not lost
        struck.conversation.centre.later(action.seconds, struck.execute_and_send)


def _stall_writing(action: a.StallWriting, struck: Struck) -> None:
    struck.conversation.connection.stall_writing(action.seconds)
    struck.execute_and_send()


def _service_notice(action: a.ServiceNotice, struck: Struck) -> None:
    conversation = struck.conversation
    notice = service_notification(action.text, kind=action.type, popup=action.popup)
    told = types.UpdateShort(notice, conversation.centre.world.now())
    if not action.late:
        conversation.send(told)
    if action.error is None:
        struck.execute_and_send()
    else:
        _rpc_error(RpcError(action.error, 406), struck)
    if action.late:
        conversation.send(told)


def _noise(conversation: Conversation, count: int) -> bytes:
    # The length comes first in a frame: all bits set, so that it cannot pass for one.
    return (b"\xff" * 4 + conversation.centre.world.entropy(max(count, 8)))[: max(count, 8)]


_DEEDS: Final[Mapping[type, Callable[[Any, Struck], None]]] = {
    RpcError: _rpc_error,
    a.Answer: _answer,
    a.Delay: _delay,
    a.Silence: _silence,
    a.CutConnection: _cut,
    a.BadChecksum: _bad_checksum,
    a.BadMsgKey: _bad_msg_key,
    a.Noise: _send_noise,
    a.TransportError: _transport_error,
    a.BadSalt: _bad_salt,
    a.BadMessage: _bad_message,
    a.VoidKey: _void_key,
    a.StallReading: _stall_reading,
    a.StallWriting: _stall_writing,
    a.ServiceNotice: _service_notice,
}

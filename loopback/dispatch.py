"""Dispatch of a request: wrappers removed, faults applied, the handler called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from . import fault_injection
from ._tl import UNREADABLE, functions, method_name, read_object, types
from .call import Call
from .faults.actions import Answer
from .rpc import LateAnswer, RpcError
from .transport.conversation import Conversation
from .transport.invoke_after import InvokeAfter
from .transport.rpc_result import pack_result

logger = logging.getLogger(__name__)

_WRAPPERS: Final = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithMessagesRangeRequest,
)
_WRITES: Final = (  # what a frozen account is refused; https://core.telegram.org/api/auth
    functions.messages.SendMessageRequest,
    functions.messages.SendMediaRequest,
    functions.messages.SendMultiMediaRequest,
    functions.messages.ForwardMessagesRequest,
    functions.messages.EditMessageRequest,
    functions.messages.DeleteMessagesRequest,
    functions.channels.DeleteMessagesRequest,
    functions.channels.JoinChannelRequest,
    functions.channels.CreateChannelRequest,
    functions.channels.InviteToChannelRequest,
)
_IGNORED: Final = (
    types.MsgsAck,
    types.MsgResendReq,
    types.MsgsStateReq,
    types.MsgsAllInfo,
    types.MsgsStateInfo,
)


class Dispatcher:
    """Answers the requests of one connection."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._centre = conversation.centre
        self._order = InvokeAfter()

    def take(self, msg_id: int, seq: int, body: bytes) -> None:
        """Take one message that a client sent encrypted; what it means may be unknown here."""
        try:
            obj = self._unpacked(read_object(body))
            request, after = self._unwrapped(obj)
        except UNREADABLE:
            refused = self.refusal(RpcError("INPUT_FETCH_FAIL"))
            self._conversation.send_body(pack_result(msg_id, refused), reply=True)
            return
        if isinstance(request, _IGNORED):
            return
        self._order.begun(msg_id)
        self._order.after(after, lambda well: self._turn(msg_id, seq, request, well=well))

    def _turn(self, msg_id: int, seq: int, request: Any, *, well: bool) -> None:
        if not well:  # the request that this one was to follow has failed
            self._order.ended(msg_id, well=False)
            refused = self.refusal(RpcError("MSG_WAIT_FAILED"))
            self._conversation.send_body(pack_result(msg_id, refused), reply=True)
            return
        method = method_name(request.__class__)
        self._centre.stats.calls[method] += 1
        action = self._fault(method)
        if action is None:
            self.answer(msg_id, request)
            return
        struck = fault_injection.Struck(
            self._conversation, msg_id, seq, self._answerer(request), request
        )
        fault_injection.strike(action, struck)
        if isinstance(action, RpcError | Answer):
            self._order.ended(msg_id, well=isinstance(action, Answer))

    def take_plain(self, method: str, request: Any) -> None:
        """Take one step of a key exchange."""
        self._centre.stats.calls[method] += 1
        action = self._fault(method)
        if action is None:
            self._conversation.exchange(request)
        else:
            conversation = self._conversation
            fault_injection.strike_plain(
                action, conversation, lambda: conversation.exchange(request)
            )

    def answer(self, msg_id: int, request: Any) -> None:
        """Carry a request out and send the answer, now or when there is one."""
        answered = self._answerer(request)(msg_id)
        answered.then(lambda body: self._conversation.send_body(body, reply=True))

    def _answerer(self, request: Any) -> Callable[[int], LateAnswer]:
        return lambda msg_id: self._answered(msg_id, request)

    def _answered(self, msg_id: int, request: Any) -> LateAnswer:
        body = LateAnswer()
        bare = self._service(msg_id, request)
        if bare is not None:
            self._order.ended(msg_id, well=True)
            body.settle(bare)
            return body

        def settled(result: Any) -> None:
            told = self.refusal(result) if isinstance(result, RpcError) else result
            self._order.ended(msg_id, well=not isinstance(told, types.RpcError))
            body.settle(pack_result(msg_id, told))

        result = self._carried_out(request)
        if isinstance(result, LateAnswer):
            result.then(settled)
        else:
            settled(result)
        return body

    def _service(self, msg_id: int, request: Any) -> bytes | None:
        """The bare answers: to what is about the connection, not about Telegram."""
        match request:
            case functions.PingRequest() | functions.PingDelayDisconnectRequest():
                return bytes(types.Pong(msg_id, request.ping_id))
            case functions.DestroySessionRequest():
                return bytes(types.DestroySessionNone(request.session_id))
            case functions.GetFutureSaltsRequest():
                return bytes(types.FutureSalts(msg_id, self._centre.world.now(), []))
            case functions.DestroyAuthKeyRequest():
                self._centre.forget_key(self._conversation.authorization)
                return bytes(types.DestroyAuthKeyOk())
            case functions.RpcDropAnswerRequest():
                return pack_result(msg_id, types.RpcAnswerUnknown())
            case _:
                return None

    def _carried_out(self, request: Any) -> Any:
        """The result of a request, or the error that it is answered with."""
        authorization = self._conversation.key
        try:
            if (
                authorization.void is not None
                and (dead := RpcError(authorization.void)).code != 401
            ):
                raise dead  # a 401 ends the login only: what needs none still works
            account = authorization.account
            if account is not None and account.frozen and isinstance(request, _WRITES):
                raise RpcError("FROZEN_METHOD_INVALID")
            handler = self._centre.handlers.get(type(request))
            if handler is None:
                logger.warning("method not played method=%s", method_name(request.__class__))
                raise RpcError("INPUT_METHOD_INVALID")
            return handler(Call(self._centre, self._conversation, authorization), request)
        except RpcError as error:
            return self.refusal(error)
        except Exception:  # a bug here must be an answer: a closed connection starts a storm
            self._centre.stats.crashes += 1
            logger.exception("handler failed method=%s", method_name(request.__class__))
            return self.refusal(RpcError("INTERNAL_SERVER_ERROR", 500))

    def refusal(self, error: RpcError) -> Any:
        """An error as the client reads it, counted."""
        self._centre.count_error(error)
        if error.text == "RANDOM_ID_DUPLICATE":
            self._centre.stats.duplicates += 1
        return types.RpcError(error.code, error.text)

    def _fault(self, method: str) -> Any:
        if not self._centre.faults:
            return None
        authorization = self._conversation.authorization
        account = authorization.account if authorization is not None else None
        return self._centre.faults.on_request(method, account.id if account else None)

    def _unpacked(self, obj: Any) -> Any:
        data = getattr(obj, "data", None)
        if type(obj).__name__ == "GzipPacked" and isinstance(data, bytes):
            return read_object(data)
        return obj

    def _unwrapped(self, obj: Any) -> tuple[Any, int | None]:
        after = None
        while isinstance(obj, _WRAPPERS):
            if isinstance(obj, functions.InitConnectionRequest):
                self._note_device(obj)
                inner = obj.query
                silent = isinstance(inner, functions.InvokeWithoutUpdatesRequest)
                self._conversation.wants_updates = not silent
            elif isinstance(obj, functions.InvokeWithoutUpdatesRequest):
                self._conversation.wants_updates = False
            elif isinstance(obj, functions.InvokeAfterMsgRequest):
                after = obj.msg_id
            obj = self._unpacked(obj.query)
        return obj, after

    def _note_device(self, init: Any) -> None:
        authorization = self._conversation.authorization
        if authorization is not None:
            authorization.device = {
                "api_id": str(init.api_id),
                "device_model": init.device_model,
                "system_version": init.system_version,
                "app_version": init.app_version,
                "lang_code": init.lang_code,
            }
            self._centre.world.touch()

"""The login e-mail address: a code is sent there, and proves it."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.pending_logins import SentCode
from .auth import pending_code, sent_code
from .base import Handlers
from .code_ways import email_sent

REFUSED: Final = "@disposable.invalid"  # addresses there are not taken


def send_verify_code(call: Call, request: Any) -> Any:
    """Send a code to an address that a login is to have."""
    sent, address = _login_of(call, request), request.email
    if address.count("@") != 1 or address.startswith("@") or address.endswith("@"):
        raise RpcError("EMAIL_INVALID")
    if address.endswith(REFUSED):
        raise RpcError("EMAIL_NOT_ALLOWED")
    sent.email, sent.code = address, call.centre.new_code()
    call.world.logins.codes_sent[sent.phone] = sent.code
    return email_sent(address, sent.code)


def verify(call: Call, request: Any) -> Any:
    """Take the code that was sent to the address; the login's own code goes on its way."""
    sent = _login_of(call, request)
    if not sent.email:
        raise RpcError("EMAIL_VERIFY_EXPIRED")
    if getattr(request.verification, "code", None) != sent.code:
        raise RpcError("CODE_INVALID")
    account = call.world.account_by_phone(sent.phone)
    if account is not None:
        account.login_email = sent.email
        call.world.touch()
    following = sent_code(call, sent.phone, way=sent.way + 1)
    return types.account.EmailVerifiedLogin(sent.email, following)


def _login_of(call: Call, request: Any) -> SentCode:
    if not isinstance(request.purpose, types.EmailVerifyPurposeLoginSetup):
        raise RpcError("INPUT_METHOD_INVALID")
    sent = pending_code(call, request.purpose)
    if sent.ways[sent.way] != "setup_email":
        raise RpcError("EMAIL_NOT_SETUP")
    return sent


HANDLERS: Final[Handlers] = {
    functions.account.SendVerifyEmailCodeRequest: send_verify_code,
    functions.account.VerifyEmailRequest: verify,
}

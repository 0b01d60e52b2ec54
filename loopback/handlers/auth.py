"""``auth.*``: codes, sign-up, bots, logout, authorisation transfer between data centres."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.pending_logins import SentCode
from ..world.records import DEFAULT_WAYS, Account
from ..world.rendering import View
from ..world.world import digits
from .base import Handlers
from .code_ways import WAYS, payment_required


def send_code(call: Call, request: Any) -> Any:
    """Send a code to a number; anybody may ask, whoever has it may be somewhere else."""
    phone = digits(request.phone_number)
    if not 5 <= len(phone) <= 15:
        raise RpcError("PHONE_NUMBER_INVALID")
    if not call.centre.accepts_api_id(request.api_id):
        raise RpcError("API_ID_INVALID")
    account = call.world.account_by_phone(phone)
    if account is not None and account.ban is not None:
        raise RpcError("PHONE_NUMBER_BANNED")
    home = account.dc_id if account is not None else call.world.dc_id
    if home != call.authorization.dc_id:
        raise RpcError(f"PHONE_MIGRATE_{home}")
    token = next((t for t in request.settings.logout_tokens or () if _owns(call, account, t)), None)
    if account is not None and token is not None:
        del call.world.logins.future_tokens[token]
        if account.password is not None:
            call.authorization.pending = account
            raise RpcError("SESSION_PASSWORD_NEEDED")
        return types.auth.SentCodeSuccess(signed_in(call, account))
    return sent_code(call, phone)


def _owns(call: Call, account: Account | None, token: bytes) -> bool:
    return account is not None and call.world.logins.future_tokens.get(token) == account.id


def resend_code(call: Call, request: Any) -> Any:
    """Send another one in the next way, while there is one; the first dies."""
    sent = pending_code(call, request)
    if sent.way + 1 == len(sent.ways):
        raise RpcError("SEND_CODE_UNAVAILABLE")
    return sent_code(call, sent.phone, way=sent.way + 1)


def cancel_code(call: Call, request: Any) -> bool:
    """Let a code die."""
    sent = pending_code(call, request)
    call.world.logins.codes.pop(sent.phone, None)
    return True


def sign_in(call: Call, request: Any) -> Any:
    """Finish a login by code, or go on to the two-step password or to signing up."""
    by_email = getattr(request.email_verification, "code", None)
    if not request.phone_code and by_email is None:
        raise RpcError("PHONE_CODE_EMPTY")
    sent = pending_code(call, request)
    given = by_email if sent.ways[sent.way] == "email" else request.phone_code
    if given != sent.code:
        raise RpcError("PHONE_CODE_INVALID" if by_email is None else "CODE_INVALID")
    account = call.world.account_by_phone(sent.phone)
    if account is None:
        sent.confirmed = True
        return types.auth.AuthorizationSignUpRequired()
    call.world.logins.codes.pop(sent.phone, None)
    if account.password is not None:
        call.authorization.pending = account
        raise RpcError("SESSION_PASSWORD_NEEDED")
    return signed_in(call, account)


def sign_up(call: Call, request: Any) -> Any:
    """Make an account for a number whose code was right."""
    sent = pending_code(call, request)
    if not sent.confirmed:
        raise RpcError("PHONE_CODE_INVALID")
    if not request.first_name:
        raise RpcError("FIRSTNAME_INVALID")
    call.world.logins.codes.pop(sent.phone, None)
    account = Account(
        id=call.world.next_user_id,
        phone="+" + sent.phone,
        first_name=request.first_name,
        last_name=request.last_name,
        dc_id=call.authorization.dc_id,
    )
    return signed_in(call, call.world.add_account(account))


def import_bot(call: Call, request: Any) -> Any:
    """Sign a bot in by its token."""
    if not call.centre.accepts_api_id(request.api_id):
        raise RpcError("API_ID_INVALID")
    token, accounts = request.bot_auth_token, call.world.accounts.values()
    if any(a.bot is not None and token in a.bot.expired for a in accounts):
        raise RpcError("ACCESS_TOKEN_EXPIRED")
    account = next((a for a in accounts if a.bot is not None and a.bot.token == token), None)
    if account is None:
        raise RpcError("ACCESS_TOKEN_INVALID")
    if account.dc_id != call.authorization.dc_id:
        raise RpcError(f"USER_MIGRATE_{account.dc_id}")
    return signed_in(call, account)


def log_out(call: Call, _request: Any) -> Any:
    """End this authorization; the key is good for nothing afterwards."""
    me = call.me
    call.centre.void_key(call.authorization, "AUTH_KEY_UNREGISTERED")
    return types.auth.LoggedOut(_future_token(call, me))


def export_authorization(call: Call, request: Any) -> Any:
    """A ticket with which another key becomes an authorization of the same account."""
    if request.dc_id not in call.centre.ports:
        raise RpcError("DC_ID_INVALID")
    ticket = call.world.entropy(16)
    call.world.logins.exported[ticket] = call.me.id
    return types.auth.ExportedAuthorization(call.me.id, ticket)


def import_authorization(call: Call, request: Any) -> Any:
    """Use such a ticket, once."""
    account_id = call.world.logins.exported.pop(request.bytes, None)
    if account_id is None or account_id != request.id:
        raise RpcError("AUTH_BYTES_INVALID")
    return signed_in(call, call.world.accounts[account_id])


def signed_in(call: Call, account: Account) -> Any:
    """Make whoever asks that account, and say so."""
    if account.ban is not None:
        raise RpcError(account.ban)
    authorization = call.authorization
    authorization.account, authorization.pending, authorization.void = account, None, None
    authorization.created = call.world.now()
    call.centre.connections.rebind(authorization)
    call.world.touch()
    days = account.relogin_days if account.password is None else None
    return types.auth.Authorization(
        user=View(call.world, account).user(account),
        setup_password_required=None if days is None else True,
        otherwise_relogin_days=days,
        future_auth_token=_future_token(call, account),
    )


def _future_token(call: Call, account: Account) -> bytes | None:
    """What lets an account log in without a code, once."""
    if not account.gives_tokens:
        return None
    token = call.world.entropy(32)
    call.world.logins.future_tokens[token] = account.id
    return token


def sent_code(call: Call, phone: str, *, way: int = 0) -> Any:
    """Send a code to a number in one of its ways, and say how."""
    desk, world = call.world.logins, call.world
    account = world.account_by_phone(phone)
    ways = DEFAULT_WAYS if account is None else account.code_ways
    this, then = WAYS[ways[way]], WAYS[ways[way + 1]] if way + 1 < len(ways) else None
    sent = SentCode(
        phone=phone,
        ways=ways,
        code=this.code(call.centre.new_code()),
        hash=world.entropy(9).hex(),
        expires=world.clock() + world.limits.code_life,
        way=way,
    )
    desk.codes[phone] = sent
    desk.codes_sent[phone] = sent.code
    if ways[way] == "payment":
        return payment_required(sent.hash)
    announced = None if then is None or then.announced is None else then.announced()
    return types.auth.SentCode(
        type=this.told(sent.code, (account and account.login_email) or ""),
        phone_code_hash=sent.hash,
        next_type=announced,
        timeout=None if announced is None else world.limits.code_timeout,
    )


def pending_code(call: Call, request: Any) -> SentCode:
    """The code that a request is about, by its number and hash."""
    if not request.phone_code_hash:
        raise RpcError("PHONE_CODE_HASH_EMPTY")
    sent = call.world.logins.codes.get(digits(request.phone_number))
    if sent is None or sent.hash != request.phone_code_hash or call.world.clock() >= sent.expires:
        raise RpcError("PHONE_CODE_EXPIRED")
    return sent


HANDLERS: Final[Handlers] = {
    functions.auth.SendCodeRequest: send_code,
    functions.auth.ResendCodeRequest: resend_code,
    functions.auth.CancelCodeRequest: cancel_code,
    functions.auth.SignInRequest: sign_in,
    functions.auth.SignUpRequest: sign_up,
    functions.auth.ImportBotAuthorizationRequest: import_bot,
    functions.auth.LogOutRequest: log_out,
    functions.auth.ExportAuthorizationRequest: export_authorization,
    functions.auth.ImportAuthorizationRequest: import_authorization,
}

"""Login by QR code: token exported, accepted by another device, imported."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..data_centre import DataCentre
from ..rpc import RpcError
from ..world.pending_logins import LoginToken
from ..world.records import Account, Authorization
from ..world.world import World
from .auth import signed_in
from .base import Handlers
from .devices import device


def export_token(call: Call, request: Any) -> Any:
    """A token to show; once somebody accepted the last one, the login instead."""
    if not call.centre.accepts_api_id(request.api_id):
        raise RpcError("API_ID_INVALID")
    desk, world = call.world.logins, call.world
    shown = desk.token_of(call.authorization.key_id)
    if shown is not None and shown.account_id is not None:
        return _redeem(call, shown)
    if shown is not None:
        desk.tokens.pop(shown.token, None)
    token = LoginToken(
        token=world.entropy(24),
        key_id=call.authorization.key_id,
        expires=world.clock() + world.limits.token_life,
    )
    desk.tokens[token.token] = token
    return types.auth.LoginToken(int(token.expires), token.token)


def accept_token(call: Call, request: Any) -> Any:
    """What a signed-in device does with the token it has read."""
    waiting = accept(call.centre, call.me, request.token)
    return device(call, waiting, password_pending=call.me.password is not None)


def accept(centre: DataCentre, account: Account, raw: bytes) -> Authorization:
    """Let whoever shows the token be that account; returns the key that waits, which is told.

    Raises:
        RpcError: nobody shows it, it has expired, or somebody has accepted it.
    """
    token, world = _living(centre.world, raw), centre.world
    if token.account_id is not None:
        raise RpcError("AUTH_TOKEN_ALREADY_ACCEPTED")
    token.account_id = account.id
    waiting = world.keys.get(token.key_id)
    if waiting is None:
        raise RpcError("AUTH_TOKEN_INVALID")
    update = types.UpdateShort(types.UpdateLoginToken(), world.now())
    for link in centre.connections.of_key(waiting):
        link.conversation.send(update)
    return waiting


def import_token(call: Call, request: Any) -> Any:
    """Redeem an accepted token in the account's own data centre."""
    token = _living(call.world, request.token)
    if token.account_id is None:
        return types.auth.LoginToken(int(token.expires), token.token)
    return _redeem(call, token)


def _redeem(call: Call, token: LoginToken) -> Any:
    account = _owner(call, token)
    if account.dc_id != call.authorization.dc_id:
        return types.auth.LoginTokenMigrateTo(account.dc_id, token.token)
    call.world.logins.tokens.pop(token.token, None)
    if account.password is not None:
        call.authorization.pending = account
        raise RpcError("SESSION_PASSWORD_NEEDED")
    return types.auth.LoginTokenSuccess(signed_in(call, account))


def _living(world: World, token: bytes) -> LoginToken:
    known = world.logins.tokens.get(token)
    if known is None:
        raise RpcError("AUTH_TOKEN_INVALID")
    if known.account_id is None and world.clock() >= known.expires:
        raise RpcError("AUTH_TOKEN_EXPIRED")
    return known


def _owner(call: Call, token: LoginToken) -> Account:
    account = call.world.accounts.get(token.account_id or 0)
    if account is None:
        raise RpcError("AUTH_TOKEN_INVALID")
    return account


HANDLERS: Final[Handlers] = {
    functions.auth.ExportLoginTokenRequest: export_token,
    functions.auth.AcceptLoginTokenRequest: accept_token,
    functions.auth.ImportLoginTokenRequest: import_token,
}

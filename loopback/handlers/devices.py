"""Authorisations of an account: listed, ended, their lifetime, and the account's own."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Authorization
from .base import Handlers


def get_authorizations(call: Call, _request: Any) -> Any:
    """Every device of the account."""
    listed = [device(call, a) for a in call.world.authorizations(call.me)]
    return types.account.Authorizations(call.me.authorization_ttl_days, listed)


def reset_authorization(call: Call, request: Any) -> bool:
    """End one device; a login of the last day may not."""
    _require_settled(call)
    others = [a for a in call.world.authorizations(call.me) if a is not call.authorization]
    doomed = next((a for a in others if a.hash == request.hash), None)
    if doomed is None:
        raise RpcError("HASH_INVALID")
    call.centre.end_authorization(doomed, "AUTH_KEY_UNREGISTERED")
    return True


def reset_authorizations(call: Call, _request: Any) -> bool:
    """End every device but this one."""
    _require_settled(call)
    for authorization in call.world.authorizations(call.me):
        if authorization is not call.authorization:
            call.centre.end_authorization(authorization, "SESSION_REVOKED")
    return True


def set_ttl(call: Call, request: Any) -> bool:
    """After how many idle days a device is ended."""
    if not 1 <= request.authorization_ttl_days <= 366:
        raise RpcError("TTL_DAYS_INVALID")
    call.me.authorization_ttl_days = request.authorization_ttl_days
    call.world.touch()
    return True


def get_account_ttl(call: Call, _request: Any) -> Any:
    """After how many days of absence the account is deleted."""
    return types.AccountDaysTTL(call.me.account_ttl_days)


def change_settings(call: Call, request: Any) -> bool:
    """Confirm a login elsewhere; what else is set leaves no trace here."""
    others = [a for a in call.world.authorizations(call.me) if a is not call.authorization]
    meant = next((a for a in others if a.hash == request.hash), None)
    if meant is None:
        raise RpcError("HASH_INVALID")
    if request.confirmed and meant.unconfirmed:
        meant.unconfirmed = False
        call.delivery.tell([call.me], [types.UpdateNewAuthorization(meant.hash)])
    call.world.touch()
    return True


def device(call: Call, authorization: Authorization, *, password_pending: bool = False) -> Any:
    """An authorization as Telegram lists it."""
    known = authorization.device
    current = authorization is call.authorization
    return types.Authorization(
        hash=0 if current else authorization.hash,
        device_model=known.get("device_model", "unknown"),
        platform="",
        system_version=known.get("system_version", ""),
        api_id=int(known.get("api_id", "0")),
        app_name="loopback",
        app_version=known.get("app_version", ""),
        date_created=authorization.created,
        date_active=authorization.active,
        ip=call.centre.host,
        country=authorization.place,
        region="",
        current=current or None,
        password_pending=password_pending or None,
        unconfirmed=authorization.unconfirmed or None,
    )


def _require_settled(call: Call) -> None:
    if call.world.now() - call.authorization.created < call.world.limits.fresh_login:
        raise RpcError("FRESH_RESET_AUTHORISATION_FORBIDDEN")


HANDLERS: Final[Handlers] = {
    functions.account.GetAuthorizationsRequest: get_authorizations,
    functions.account.ResetAuthorizationRequest: reset_authorization,
    functions.account.SetAuthorizationTTLRequest: set_ttl,
    functions.account.GetAccountTTLRequest: get_account_ttl,
    functions.account.ChangeAuthorizationSettingsRequest: change_settings,
    functions.auth.ResetAuthorizationsRequest: reset_authorizations,
}

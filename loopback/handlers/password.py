"""The two-step password: requested, checked, set, changed, removed."""

from __future__ import annotations

from typing import Any, Final

from .. import srp
from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Account, PasswordRecord
from .auth import signed_in
from .base import Handlers


def get_password(call: Call, _request: Any) -> Any:
    """How to prove the password, and how to make a new one."""
    account = call.authorization.pending or call.me
    entropy = call.world.entropy
    offer: dict[str, Any] = {}
    if account.password is not None:
        started = srp.new_round(account.password, entropy)
        call.world.logins.rounds[call.authorization.key_id] = started
        offer = {
            "has_password": True,
            "current_algo": srp.algorithm(account.password.salt1, account.password.salt2),
            "srp_B": started.public.to_bytes(256, "big"),
            "srp_id": started.id,
            "hint": account.password.hint or None,
            "pending_reset_date": account.password.reset_at,
        }
    return types.account.Password(
        new_algo=srp.algorithm(entropy(8), entropy(16)),
        new_secure_algo=types.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(entropy(8)),
        secure_random=entropy(32),
        **offer,
    )


def check_password(call: Call, request: Any) -> Any:
    """Finish a login that needs the password."""
    account = call.authorization.pending
    if account is None or account.password is None:
        raise RpcError("AUTH_KEY_UNREGISTERED")
    _require_proof(call, account, request.password)
    return signed_in(call, account)


def update_password(call: Call, request: Any) -> bool:
    """Set, change or take away the password; the present one must be proved first."""
    me, settings = call.me, request.new_settings
    if me.password is not None:
        _require_proof(call, me, request.password)
    me.password = _new_record(settings)
    call.world.touch()
    return True


def get_password_settings(call: Call, request: Any) -> Any:
    """Show, to whoever proves the password, that there is nothing more to it."""
    _require_proof(call, call.me, request.password)
    return types.account.PasswordSettings()


def _new_record(settings: Any) -> PasswordRecord | None:
    if not settings.new_password_hash or settings.new_algo is None:
        return None
    algo = settings.new_algo
    if not hasattr(algo, "salt1"):
        return None  # PasswordKdfAlgoUnknown: the password is taken away
    # The client has lengthened salt1 by itself: what it sends back is what counts.
    return PasswordRecord(
        salt1=algo.salt1,
        salt2=algo.salt2,
        verifier=int.from_bytes(settings.new_password_hash, "big"),
        hint=settings.hint or "",
    )


def _require_proof(call: Call, account: Account, given: Any) -> None:
    if account.password is None:
        return
    if not isinstance(given, types.InputCheckPasswordSRP):
        raise RpcError("PASSWORD_HASH_INVALID")
    started = call.world.logins.rounds.pop(call.authorization.key_id, None)
    if started is None or started.id != given.srp_id:
        raise RpcError("SRP_ID_INVALID")
    if not srp.proves(account.password, started, given.A, given.M1):
        raise RpcError("PASSWORD_HASH_INVALID")


HANDLERS: Final[Handlers] = {
    functions.account.GetPasswordRequest: get_password,
    functions.account.GetPasswordSettingsRequest: get_password_settings,
    functions.account.UpdatePasswordSettingsRequest: update_password,
    functions.auth.CheckPasswordRequest: check_password,
}

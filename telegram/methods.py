"""What Telegram calls a request's method, however it is wrapped: floods are kept by that name.

And which methods no app may call by itself: a login's, which are counted and kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import LoginCallError

__all__ = ["method_name", "refuse_logins"]

WAYS: Final[Mapping[str, str]] = {
    "auth.sendCode": 'login("start")',
    "auth.resendCode": "resend_code()",
    "auth.cancelCode": "cancel_login()",
    "auth.signIn": 'login("code", ...)',
    "auth.checkPassword": 'login("password", ...)',
    "auth.exportLoginToken": "login_qr()",
    "auth.importLoginToken": "wait_qr()",
}

STEPS: Final[dict[type, str | None]] = {}  # by class, as every message that is sent is looked at


def method_name(request: object) -> str:
    """Return the TL name of a request: ``messages.sendMessage`` for a ``SendMessageRequest``.

    Of one that is invoked with something, as with a layer, it is the name of what is invoked.
    """
    return _name_of(type(_innermost(request)))


def refuse_logins(request: object, *, session: str) -> None:
    """Refuse a request, or a list of them, that is a step of a login.

    Raises:
        LoginCallError: it is, and what to call instead.
    """
    for one in request if isinstance(request, list | tuple | set) else (request,):
        if (method := _login_step(type(_innermost(one)))) is not None:
            raise LoginCallError(session, method, WAYS[method])


def _innermost(request: Any) -> Any:
    while hasattr(query := getattr(request, "query", None), "CONSTRUCTOR_ID"):
        request = query
    return request


def _login_step(cls: type) -> str | None:
    """The step of a login that a class is of, also as an app's own subclass."""
    if cls not in STEPS:
        STEPS[cls] = next((name for name in map(_name_of, cls.__mro__) if name in WAYS), None)
    return STEPS[cls]


def _name_of(cls: type) -> str:
    space = cls.__module__.rpartition("functions")[2].lstrip(".")
    bare = cls.__name__.removesuffix("Request")
    bare = bare[:1].lower() + bare[1:]
    return f"{space}.{bare}" if space else bare

"""Method names of requests, by which floods are kept, however a request is wrapped.

Which chat it is about, as slow mode is the chat's. And which methods no app may call by itself:
those that make a login or end it, which are counted, backed up and kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from ..errors import LoginCallError

REQUESTS: Final = "telethon.tl.functions"  # the module of all request classes

STEP: Final = "is a step of a login; use the session's {}, which counts codes and keeps the login"
ENDS: Final = (
    "ends the login; use the session's logout(), which finishes its work, keeps a backup and"
    " latches the key"
)
BINDS: Final = "changes whose key this is; a login is made by the session's login or import alone"

# Why no app may call it, and what to call instead.
REFUSED: Final[Mapping[str, str]] = {
    "auth.sendCode": STEP.format('login("start")'),
    "auth.resendCode": STEP.format("resend_code()"),
    "auth.cancelCode": STEP.format("cancel_login()"),
    "auth.signIn": STEP.format('login("code", ...)'),
    "auth.checkPassword": STEP.format('login("password", ...)'),
    "auth.exportLoginToken": STEP.format("login_qr()"),
    "auth.importLoginToken": STEP.format("wait_qr()"),
    **dict.fromkeys(
        (
            "auth.checkPaidAuth",
            "auth.checkRecoveryPassword",
            "auth.finishFirebasePnvLogin",
            "auth.finishPasskeyLogin",
            "auth.firebasePnvSignUp",
            "auth.initFirebasePnvLogin",
            "auth.initPasskeyLogin",
            "auth.recoverPassword",
            "auth.reportMissingCode",
            "auth.requestFirebaseSms",
            "auth.requestPasswordRecovery",
            "auth.resetLoginEmail",
            "auth.signUp",
        ),
        STEP.format("login"),
    ),
    "auth.logOut": ENDS,
    "destroyAuthKey": ENDS,
    "account.deleteAccount": (
        "ends the account, and no session of it comes back; do it in Telegram's own app"
    ),
    **dict.fromkeys(
        (
            "auth.bindTempAuthKey",
            "auth.dropTempAuthKeys",
            "auth.importAuthorization",
            "auth.importBotAuthorization",
            "auth.importWebTokenAuthorization",
        ),
        BINDS,
    ),
}

OWN_LOGIN: Final = 0  # https://core.telegram.org/constructor/authorization: the current session's

# Slow mode counts these, by the chat that the field names: https://core.telegram.org/api/channel
POSTS: Final[Mapping[str, str]] = {
    "messages.forwardMessages": "to_peer",
    "messages.sendInlineBotResult": "peer",
    "messages.sendMedia": "peer",
    "messages.sendMessage": "peer",
    "messages.sendMultiMedia": "peer",
}

# How Telegram's clients mark an id with its kind: https://core.telegram.org/api/bots/ids
MARKS: Final[Mapping[str, tuple[int, int]]] = {
    "user_id": (0, 1),
    "chat_id": (0, -1),
    "channel_id": (-1_000_000_000_000, -1),
}


def method_name(request: object) -> str:
    """Return the TL name of a request: ``messages.sendMessage`` for a ``SendMessageRequest``.

    Of one that is invoked with something, as with a layer, it is the name of what is invoked.
    """
    return _name_of(type(_innermost(request)))  # type: ignore[arg-type]  # classes are hashable


def posts_into(request: object) -> int | None:
    """Return the marked id of the chat that a request posts into; ``None`` if it posts nowhere."""
    return chat_of(request) if method_name(request) in POSTS else None


def chat_of(request: object) -> int | None:
    """Return the marked id of the chat that a request is about.

    ``None`` if there is none, or it is named in a way that is not resolved yet.
    """
    inner = _innermost(request)
    peer = getattr(inner, POSTS.get(method_name(inner), "peer"), None)
    if isinstance(peer, int):
        return peer
    marks = (
        base + sign * bare
        for kind, (base, sign) in MARKS.items()
        if isinstance(bare := getattr(peer, kind, None), int)
    )
    return next(marks, None)


def refuse_logins(request: object, *, session: str) -> None:
    """Refuse a request, or a list of them, that makes a login or ends it.

    Raises:
        LoginCallError: it does, and what to call instead.
    """
    for one in request if isinstance(request, list | tuple | set) else (request,):
        method = method_name(one)
        why = ENDS if _ends_itself(method, one) else REFUSED.get(method)
        if why is not None:
            raise LoginCallError(session, method, why)


def _ends_itself(method: str, request: object) -> bool:
    """Whether it ends one of the account's logins, and that by the number of the caller's own."""
    if method != "account.resetAuthorization":
        return False
    return getattr(_innermost(request), "hash", None) == OWN_LOGIN


def _innermost(request: Any) -> object:
    while hasattr(query := getattr(request, "query", None), "CONSTRUCTOR_ID"):
        request = query
    return request


@cache  # as every message that is sent is looked at
def _name_of(cls: type) -> str:
    """The name of a request's class; of an app's own subclass, that of Telethon's."""
    cls = next((one for one in cls.__mro__ if one.__module__.startswith(REQUESTS)), cls)
    space = cls.__module__.removeprefix(REQUESTS).lstrip(".")
    bare = cls.__name__.removesuffix("Request")
    bare = bare[:1].lower() + bare[1:]
    return f"{space}.{bare}" if space else bare

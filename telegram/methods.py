"""What Telegram calls a request's method, however it is wrapped: floods are kept by that name.

Into which chat it posts, as slow mode is the chat's. And which methods no app may call by itself: a
login's, which are counted and kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import LoginCallError

__all__ = ["method_name", "posts_into", "refuse_logins"]

WAYS: Final[Mapping[str, str]] = {
    "auth.sendCode": 'login("start")',
    "auth.resendCode": "resend_code()",
    "auth.cancelCode": "cancel_login()",
    "auth.signIn": 'login("code", ...)',
    "auth.checkPassword": 'login("password", ...)',
    "auth.exportLoginToken": "login_qr()",
    "auth.importLoginToken": "wait_qr()",
}

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

STEPS: Final[dict[type, str | None]] = {}  # by class, as every message that is sent is looked at


def method_name(request: object) -> str:
    """Return the TL name of a request: ``messages.sendMessage`` for a ``SendMessageRequest``.

    Of one that is invoked with something, as with a layer, it is the name of what is invoked.
    """
    return _name_of(type(_innermost(request)))


def posts_into(request: object) -> int | None:
    """Return the marked id of the chat that a request posts into.

    ``None`` if it posts nowhere, or names the chat in a way that only Telegram can resolve.
    """
    inner = _innermost(request)
    field = POSTS.get(_name_of(type(inner)))
    if field is None:
        return None
    peer = getattr(inner, field)
    if isinstance(peer, int):
        return peer
    marks = (
        base + sign * bare
        for kind, (base, sign) in MARKS.items()
        if isinstance(bare := getattr(peer, kind, None), int)
    )
    return next(marks, None)


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

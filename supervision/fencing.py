"""Fencing tokens: who an incarnation is, and whether it may still act (S15).

What was abandoned cannot be killed, only refused. Its token is fenced, and whatever carries the
token is turned away: its messages by the references, its writes by whoever asks ``check``.
"""

from __future__ import annotations

from contextvars import ContextVar

from ..errors import FencedError


class FencingToken:
    """One incarnation of one child, from its start until its end, or until it is abandoned."""

    __slots__ = ("child", "fenced", "incarnation")

    def __init__(self, child: str, incarnation: int) -> None:
        self.child, self.incarnation = child, incarnation
        self.fenced = False
        """Whether it was abandoned: nothing that it does may count any more."""

    def check(self) -> None:
        """Do nothing, unless it was abandoned.

        Raises:
            FencedError: it was; another incarnation may follow it by now.
        """
        if self.fenced:
            raise FencedError(self.child, self.incarnation)

    def __repr__(self) -> str:
        return f"<FencingToken {self.child}#{self.incarnation}{' fenced' if self.fenced else ''}>"


TOKEN: ContextVar[FencingToken | None] = ContextVar("token", default=None)
"""The token on whose behalf this thread, coroutine or piece of work runs."""


def current_fencing_token() -> FencingToken | None:
    """The token on whose behalf the caller runs, to carry along and ``check`` before a write.

    ``None`` outside of a supervised child. In a ``LoopActor`` take ``self.fencing_token``.
    """
    return TOKEN.get()


def refuse_fenced() -> None:
    """Refuse a caller that runs on behalf of an abandoned incarnation.

    Raises:
        FencedError: it does.
    """
    token = TOKEN.get()
    if token is not None and token.fenced:
        raise FencedError(token.child, token.incarnation)

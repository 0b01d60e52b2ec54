"""The term of one incarnation: who it is, and whether it may still act (S15).

What was left behind cannot be killed, only refused. Its term is fenced, and whatever carries the
term is turned away: its messages by the references, its writes by whoever asks ``check``.
"""

from __future__ import annotations

from contextvars import ContextVar

from ...errors import FencedError

__all__ = ["TERM", "Term", "current_term", "refuse_fenced"]


class Term:
    """One incarnation of one child, from its start until its end, or until it is left behind."""

    __slots__ = ("child", "fenced", "incarnation")

    def __init__(self, child: str, incarnation: int) -> None:
        self.child, self.incarnation = child, incarnation
        self.fenced = False
        """Whether it was left behind: nothing that it does may count any more."""

    def check(self) -> None:
        """Do nothing, unless it was left behind.

        Raises:
            FencedError: it was; another incarnation may have taken its place.
        """
        if self.fenced:
            raise FencedError(self.child, self.incarnation)

    def __repr__(self) -> str:
        return f"<Term {self.child}#{self.incarnation}{' fenced' if self.fenced else ''}>"


TERM: ContextVar[Term | None] = ContextVar("term", default=None)
"""The term on whose behalf this thread, coroutine or piece of work runs."""


def current_term() -> Term | None:
    """The term on whose behalf the caller runs, to carry along and ``check`` before a write.

    ``None`` outside of a supervised child. In a ``LoopActor`` take ``self.term``.
    """
    return TERM.get()


def refuse_fenced() -> None:
    """Turn the caller away if it runs on behalf of what was left behind.

    Raises:
        FencedError: it does.
    """
    term = TERM.get()
    if term is not None and term.fenced:
        raise FencedError(term.child, term.incarnation)

"""What a session's parts may have their session do, without knowing which actor that is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import pykka

from ...telegram import Event, Phase, SessionReport, Verdict

T = TypeVar("T")


class SessionControl(Protocol):
    """The session as its login, its maintenance and its probes see it; called in its turn."""

    @property
    def phase(self) -> Phase:
        """Where the session stands."""
        ...

    @property
    def recovering(self) -> bool:
        """Whether copies of its login are being tried."""
        ...

    def enter(self, event: Event, reason: str, *, until: float | None = None) -> None:
        """Move along the table of phases."""

    def begin(self, *, cause: str | None = None) -> None:
        """Come online, unless it is at that already."""

    def switch(self, cause: str) -> None:
        """Come online by the login that is stored now."""

    def lose(self, reason: BaseException | None, *, cause: str = "connection lost") -> None:
        """The line is gone or no good: come back."""

    def retire(self, verdict: Verdict) -> None:
        """Telegram ended this session: hold it and close the client."""

    def logged_out(self) -> None:
        """The login was ended as asked."""

    def pause_groups(self, reason: str) -> None:
        """Tell the worker groups that nothing can be sent or read for now."""

    def tell_monitor(self) -> SessionReport:
        """Tell the health monitor how the session is."""
        ...

    @property
    def actor_ref(self) -> pykka.ActorRef[Any]:
        """Where it gets its messages."""
        ...

    def pipe(
        self,
        awaitable: Awaitable[T],
        done: Callable[[T], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
        *,
        then: Callable[[T], object] | None = None,
        otherwise: Callable[[BaseException], object] | None = None,
    ) -> object:
        """Do ``awaitable`` beside the mailbox; as ``LoopActor.pipe``."""
        ...

    def after(self, seconds: float, message: object) -> object:
        """Send ``message`` to itself in ``seconds``."""
        ...

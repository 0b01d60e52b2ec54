"""What is asked of the warden that owns the sessions."""

from __future__ import annotations

from typing import Protocol

from ..api.session import SessionHandle
from ..config import Config
from ..metrics import Exporter


class Owner(Protocol):
    """The running warden, as far as programs use it."""

    config: Config

    @property
    def exporter(self) -> Exporter:
        """Its metrics."""
        ...

    def session(self, name: str) -> SessionHandle:
        """A handle on one session; raises for one that there is not."""
        ...

    def noted(self, who: str, what: str, subject: str) -> None:
        """Put into the audit trail what was done, without waiting for it."""

    def refused(self, who: str, what: str, subject: str, *, why: str) -> None:
        """Put into the audit trail what somebody may not do, without waiting for it."""

"""The protocol through which the console reads and steers a warden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from ..metrics import Exporter
from ..supervision import Snapshot
from ..telegram.reports import Overview

WHO: Final = "command line"  # in the audit trail

LoginStep = Literal["start", "code", "password"]


class Panel(Protocol):
    """The handles of one running warden; all of them are used in its loop."""

    @property
    def exporter(self) -> Exporter:
        """The warden's metrics."""
        ...

    async def overview(self) -> Overview:
        """How every session, worker group and pair is; the exporter observes it, too."""
        ...

    def snapshot(self) -> Snapshot:
        """The supervisor tree as it is now."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, and a sentence on it."""
        ...

    async def recover(self, session: str, *, who: str) -> None:
        """Let a session climb the recovery ladder now."""
        ...

    async def phase(self, session: str) -> str:
        """Where a session stands, asked of itself."""
        ...

    async def login(
        self, session: str, step: LoginStep, secret: str | None = None, *, who: str
    ) -> str:
        """Take one step of a login; returns the new phase. The secret is kept nowhere."""
        ...

    async def drill(self, path: str, *, who: str) -> None:
        """Crash the child at ``path`` on purpose."""
        ...

    async def pair_command(self, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a command about pairs; returns what there is to say, in JSON's types."""
        ...

    def shutdown(self, *, who: str) -> None:
        """Begin to stop the warden, and return at once."""
        ...

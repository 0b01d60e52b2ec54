"""The protocol through which the console reads and steers a warden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from ..metrics import Exporter
from ..notify import Standing
from ..storage import Operation
from ..supervision import Snapshot
from ..telegram.reports import Overview
from .results.base import Result

WHO: Final = "command line"  # in the audit trail


class AlertBoard(Protocol):
    """What is firing."""

    async def standing(self) -> Standing:
        """What is firing, what is silenced, and how channels and webhooks are."""
        ...


class Panel(Protocol):
    """The handles of one running warden; all of them are used in its loop."""

    @property
    def exporter(self) -> Exporter:
        """The warden's metrics."""
        ...

    @property
    def alerts(self) -> AlertBoard:
        """Alerts and messages out."""
        ...

    async def overview(self) -> Overview:
        """How every session, worker group and pair is; the exporter observes it, too."""
        ...

    async def known(self) -> Overview:
        """The same as they have told by themselves, a few seconds old at most: nobody is asked."""
        ...

    def running_operations(self) -> Sequence[Operation]:
        """What takes a while, and what did lately, oldest first."""
        ...

    def snapshot(self) -> Snapshot:
        """The supervisor tree as it is now."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether all sessions that should be online are, and a sentence on it."""
        ...

    def started(self) -> tuple[bool, str]:
        """Whether every session has reported since the start, and a sentence; stays so."""
        ...

    @property
    def ready_share(self) -> float:
        """The share of sessions that has to be online for the warden to be ready, 0 to 1."""
        ...

    async def command(self, name: str, given: Mapping[str, Any], *, who: str) -> Result:
        """Carry out one of ``console.commands``; returns its result."""
        ...

    def noted(self, who: str, what: str, subject: str) -> None:
        """Put into the audit trail what was done, without waiting for it."""

    def refused(self, who: str, what: str, subject: str, *, why: str) -> None:
        """Put into the audit trail what somebody may not do, without waiting for it."""

"""What the health monitor has others do that it cannot do by a message of its own."""

from __future__ import annotations

from typing import Protocol


class HealthOrders(Protocol):
    """The warden, as the monitor knows it. Each raises a ``TelewardenError`` when refused."""

    async def recover(self, session: str) -> None:
        """End a session's quarantine, its worker groups' too, and have it come online."""

    async def move_pairs(self, session: str, to: str) -> tuple[int, ...]:
        """Give all pairs of a session to another; returns which. All of them or none move."""
        ...

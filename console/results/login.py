"""Results about logins."""

from __future__ import annotations

from .base import Result


class Recovering(Result):
    """Which sessions were asked to recover."""

    sessions: tuple[str, ...]

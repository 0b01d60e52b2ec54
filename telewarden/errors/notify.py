"""Errors of messages out."""

from __future__ import annotations

from collections.abc import Iterable

from .root import TelewardenError, shown


class NotifySupportMissingError(TelewardenError):
    """A channel needs a package of the extra ``notify``, which is not there; nothing was sent."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not installed; install it with: pip install 'telewarden[notify]'"
        )
        self.package = package


class NotSentError(TelewardenError):
    """A message did not go; it stays owed.

    Args:
        why: without the address, which may hold secrets.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class UnknownAlertError(TelewardenError):
    """There is no alert, channel or webhook of that name; nothing has changed."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(known)
        there = f"there are: {names}" if names else "there is none; see: telewarden alerts"
        super().__init__(f"{shown(name)} is unknown; {there}")
        self.name = name

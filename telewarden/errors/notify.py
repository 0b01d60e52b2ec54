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


class UnknownEventError(TelewardenError, LookupError):
    """A webhook is to be sent events of a class that nobody offers; nothing has been started."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        there = ", ".join(known) or "none; give your classes to Warden(webhook_events=[...])"
        super().__init__(f"there is no event {name!r}; events are: {there}")
        self.name = name


class UnknownAlertError(TelewardenError):
    """There is no alert, channel or webhook of that name; nothing has changed."""

    def __init__(
        self,
        name: str,
        known: Iterable[str],
        *,
        none: str = "there is none; see: telewarden alerts",
    ) -> None:
        from difflib import get_close_matches  # not before it is needed

        there = list(known)
        near = get_close_matches(str(name), there, n=3)
        meant = f"did you mean {', '.join(near)}? " if near else ""
        names = f"there are: {', '.join(there)}"
        there_is = meant + names if there else none
        super().__init__(f"{shown(name)} is unknown; {there_is}")
        self.name = name

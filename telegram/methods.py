"""What Telegram calls a request's method: floods are kept by that name."""

from __future__ import annotations

__all__ = ["method_name"]


def method_name(request: object) -> str:
    """Return the TL name of a request: ``messages.sendMessage`` for a ``SendMessageRequest``."""
    cls = type(request)
    space = cls.__module__.rpartition("functions")[2].lstrip(".")
    bare = cls.__name__.removesuffix("Request")
    bare = bare[:1].lower() + bare[1:]
    return f"{space}.{bare}" if space else bare

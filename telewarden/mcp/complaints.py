"""What a model is told of an error: what happened, and what to do about it."""

from __future__ import annotations

from telethon.errors import FloodWaitError, RPCError

from ..errors import SharedSessionOfflineError, ShareRefusedError, TelewardenError
from ..errors.root import counted
from .sessions import NotUsableError


def complaint(error: Exception) -> str | None:
    """One sentence or two; ``None`` where the error is a fault of this program."""
    match error:
        case NotUsableError():
            return f"{error}."
        case FloodWaitError():
            seconds = counted(int(error.seconds), "second")
            return (
                f"Telegram lets this account do that again in {seconds}; it was not done. Wait"
                " that long, then repeat it: an earlier try fails, too."
            )
        case ShareRefusedError():
            return f"{error}. Do not repeat it: only who runs the warden can allow it, in [share]."
        case SharedSessionOfflineError():
            return (
                f"{error}. Where no warden runs, start it with: telewarden run. Where one does,"
                " `telewarden status` says what the session needs. Then repeat it."
            )
        case TelewardenError():
            return f"{error}."
        case RPCError():
            return f"Telegram refused it: {error}."
        case ConnectionError() | TimeoutError():
            return (
                f"The session was lost on the way: {error}. Look whether it was done before you"
                " repeat it."
            )
    return None

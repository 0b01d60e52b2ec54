"""Translation of internal errors to the public ones, with deadline and advice."""

from __future__ import annotations

from ..errors import TelewardenError
from ..telegram import ErrorClass, to_telewarden


def to_public_error(error: BaseException | None, *, session: str) -> BaseException:
    """An error of Telegram or of the line as ours, with it as the cause; others as they are.

    What nobody has sorted is no word of Telegram's: a fault in an app's own code stays what it is.
    """
    if error is None:
        return RuntimeError("it ended without a word")
    if isinstance(error, TelewardenError) or not isinstance(error, Exception):
        return error
    mapped = to_telewarden(error, session=session)
    if mapped.kind == ErrorClass.BUG and type(error).__module__ == "builtins":
        return error
    mapped.__cause__ = error
    return mapped

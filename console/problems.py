"""Mapping of errors to HTTP statuses and JSON problems."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pykka
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import (
    AskTimeoutError,
    BackfillRunningError,
    BadCommandError,
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    ChildUnavailableError,
    ConfigError,
    IllegalStepError,
    InvalidRecordError,
    InvalidSpecError,
    JournalUnavailableError,
    KeyLatchedError,
    LeaseHeldError,
    LoginBudgetError,
    NoCredentialError,
    NoLoginError,
    NotRunningError,
    PairBusyError,
    PairsNotMovedError,
    RegistryError,
    TelegramError,
    TelegramRateLimitError,
    TelewardenError,
    UnknownFieldError,
    UnknownHandlerError,
    UnknownOperationError,
    UnknownRecordError,
    UnknownSessionError,
)

STATUSES: Final[Mapping[type[BaseException], int]] = {
    InvalidRecordError: 400,
    InvalidSpecError: 400,
    ConfigError: 400,
    BadCommandError: 400,
    UnknownFieldError: 400,
    UnknownHandlerError: 400,
    ChildNotFoundError: 404,
    UnknownRecordError: 404,
    UnknownSessionError: 404,
    UnknownOperationError: 404,
    RegistryError: 409,
    BackfillRunningError: 409,
    PairBusyError: 409,
    PairsNotMovedError: 409,
    ChildRunningError: 409,
    ChildRestartingError: 409,
    IllegalStepError: 409,
    KeyLatchedError: 409,
    LeaseHeldError: 409,
    NoCredentialError: 409,
    NoLoginError: 409,
    TelegramError: 409,
    TelegramRateLimitError: 429,
    LoginBudgetError: 429,
    TelewardenError: 500,
    ChildUnavailableError: 503,
    JournalUnavailableError: 503,
    NotRunningError: 503,
    pykka.ActorDeadError: 503,
    AskTimeoutError: 504,
}


class BadRequestError(Exception):
    """The request itself is wrong; nothing has been done."""


class RefusedError(Exception):
    """Who asks may not; nothing has been done. ``retry_after`` in seconds, 0 for never."""

    def __init__(self, status: int, kind: str, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.kind, self.retry_after = status, kind, retry_after


def status_of(error: BaseException) -> int:
    """The status of the most special class of ``error`` that the table knows; 500 if none."""
    known = (STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return next(known, 500)


def problem(status: int, kind: str, message: str) -> JSONResponse:
    """An error as every caller gets it."""
    return JSONResponse({"error": {"type": kind, "message": message}}, status_code=status)


def _expected(_: Request, error: Exception) -> Response:
    return problem(status_of(error), type(error).__name__, str(error))


def _bad_request(_: Request, error: Exception) -> Response:
    return problem(400, "BadRequest", str(error))


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - by the table below
    answer = problem(error.status, error.kind, str(error))
    if error.retry_after:
        answer.headers["retry-after"] = str(math.ceil(error.retry_after))
    return answer


def _unexpected(_: Request, error: Exception) -> Response:
    # What a foreign error says may be private: it goes to the log, which the server writes.
    message = f"the warden met an unexpected {type(error).__name__}; its log has the details"
    return problem(500, type(error).__name__, message)


HANDLERS: Final[Mapping[Any, Any]] = {
    TelewardenError: _expected,
    pykka.ActorDeadError: _expected,
    BadRequestError: _bad_request,
    RefusedError: _refused,
    Exception: _unexpected,
    404: lambda request, _: problem(404, "NotFound", f"there is nothing at {request.url.path}"),
    405: lambda request, _: problem(
        405, "MethodNotAllowed", f"{request.url.path} does not take {request.method}"
    ),
}

"""Reading of a request's JSON body, up to a length."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request

from .problems import BadRequestError

LONGEST_BODY: Final = 64 * 1024  # bytes; a code, a path, a pair's filters


async def json_object(request: Request) -> dict[str, Any]:
    """The object in the body; an empty body is an empty one.

    Raises:
        BadRequestError: it is too long, or is no JSON object.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LONGEST_BODY:
            raise BadRequestError(f"the body is longer than {LONGEST_BODY} bytes")
    try:
        body = json.loads(bytes(raw) or b"{}")
    except ValueError:  # without the cause: it would quote the body, which may hold a password
        raise BadRequestError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("the body is no JSON object")
    return body

"""The live page's files, and the Content-Security-Policy that it is served with.

The files lie in ``assets`` as they are sent: no build step. They are read once, and their address
has a digest of all of them, so that a browser keeps them until one of them is another. The policy
lets the page load and call its own origin alone, and runs nothing that stands inside the document.
"""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).with_name("assets")
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
KEPT: Final = "public, max-age=31536000, immutable"
ASKED_FIRST: Final = ("api/me", "api/live", "api/words")


@dataclass(frozen=True, slots=True)
class Assets:
    """The page's document, and the files that it loads by their names."""

    document: bytes
    digest: str
    files: Mapping[str, tuple[bytes, str]]


@functools.cache
def _assets() -> Assets:
    found = {
        str(file.relative_to(FOLDER)): (
            file.read_bytes(),
            mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        )
        for file in sorted(FOLDER.rglob("*.*"))
    }
    digest = hashlib.sha256(repr(found).encode()).hexdigest()[:16]
    index, _ = found["index.html"]
    return Assets(index.replace(b'"assets/', f'"assets/{digest}/'.encode()), digest, found)


async def asset(request: Request) -> Response:
    """One of the files, at ``/assets/DIGEST/NAME``."""
    assets = _assets()
    digest, _, name = request.path_params["path"].partition("/")
    if digest != assets.digest or name not in assets.files:
        raise HTTPException(404)
    body, media_type = assets.files[name]
    return Response(body, media_type=media_type, headers={"cache-control": KEPT})


def document(*, looks: bool) -> Response:
    """The page itself.

    Args:
        looks: whether the caller may look; what it will ask for comes then along with its scripts.
    """
    asked = ASKED_FIRST if looks else ASKED_FIRST[:1]
    early = ", ".join(f"<{one}>; rel=preload; as=fetch; crossorigin" for one in asked)
    headers = {"content-security-policy": POLICY, "link": early}
    return Response(_assets().document, media_type="text/html", headers=headers)

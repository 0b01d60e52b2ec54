"""The live page's files, and the Content-Security-Policy that it is served with.

The files lie in ``assets`` as they are sent: no build step. The policy lets the page load and call
its own origin alone, and runs nothing that stands inside the document.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

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


def assets() -> StaticFiles:
    """The page's style and scripts, to be mounted at ``/assets``."""
    return StaticFiles(directory=FOLDER)


def document() -> Response:
    """The page itself."""
    return FileResponse(
        FOLDER / "index.html", media_type="text/html", headers={"content-security-policy": POLICY}
    )

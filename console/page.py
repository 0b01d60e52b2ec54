"""The live page as one self-contained document, and its Content-Security-Policy.

Its three parts lie beside this module and are put together once. The policy names the inline
parts by their digests: nothing else may run, and nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The document and its Content-Security-Policy."""

    html: str
    security_policy: str


@cache
def load_page() -> Page:
    """Put the page together; read from disk once."""
    style, script = _part("page.css"), _part("page.js")
    html = _part("page.html").replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html=html, security_policy=policy)


def _part(name: str) -> str:
    return (resources.files(__package__ or __name__) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

"""An MTProxy's secret, and the links that carry one. Pure.

A secret is in no text that comes out of here: it is all that stands between a stranger and the
proxy.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

KEY: Final = 16  # bytes
PADDED, TLS = 0xDD, 0xEE
LONGEST_NAME: Final = 253  # characters of a DNS name
NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")
HEX: Final = re.compile(r"([0-9a-fA-F]{2})+")
LAST_PORT: Final = 65_535


class BadSecretError(ValueError):
    """What was given is no secret, or no link that has one; why is said without it."""


@dataclass(frozen=True, slots=True)
class MtproxySecret:
    """The key of a proxy, and how its line looks.

    Args:
        key: 16 bytes.
        padded: frames have random lengths (``dd``).
        domain: the line looks like TLS to this name (``ee``), or does not.
    """

    key: bytes = field(repr=False)
    padded: bool = False
    domain: str | None = None

    @classmethod
    def parse(cls, text: str) -> MtproxySecret:
        """Read one as links and ``mtproto-proxy`` write it: hexadecimal, or base64.

        Raises:
            BadSecretError: it is none.
        """
        raw = _bytes_of(text.strip())
        if len(raw) == KEY:
            return cls(raw)
        kind, key, rest = raw[:1], raw[1 : 1 + KEY], raw[1 + KEY :]
        if len(key) == KEY and kind == bytes([PADDED]) and not rest:
            return cls(key, padded=True)
        if len(key) == KEY and kind == bytes([TLS]):
            return cls(key, padded=True, domain=_domain(rest))
        raise BadSecretError(
            "is no MTProxy secret: give 32 hexadecimal digits, alone, behind dd, or behind ee and"
            " followed by the domain's"
        )


@dataclass(frozen=True, slots=True)
class MtproxyLink:
    """What a ``tg://proxy`` or ``https://t.me/proxy`` link says."""

    host: str
    port: int
    secret: MtproxySecret = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> MtproxyLink:
        """Read a link.

        Raises:
            BadSecretError: it is none, or its secret is none.
        """
        parts = urlsplit(text.strip())
        ours = (parts.scheme, parts.netloc, parts.path.strip("/"))
        if ours not in {
            ("tg", "proxy", ""),
            *((scheme, "t.me", "proxy") for scheme in ("http", "https")),
        }:
            raise BadSecretError("is no link to a proxy; give tg://proxy?... or t.me/proxy?...")
        said = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        host, port = said.get("server", ""), said.get("port", "")
        if not HOST.fullmatch(host):
            raise BadSecretError("names no server")
        if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= LAST_PORT:
            raise BadSecretError("names no port from 1 to 65535")
        # A base64 secret that was not escaped for the link has lost its plus signs.
        return cls(host, int(port), MtproxySecret.parse(said.get("secret", "").replace(" ", "+")))


def _bytes_of(text: str) -> bytes:
    if HEX.fullmatch(text):
        return bytes.fromhex(text)
    padded = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecretError("is neither hexadecimal nor base64") from None


def _domain(raw: bytes) -> str:
    name = raw.decode("ascii", "replace")
    if not NAME.fullmatch(name):
        raise BadSecretError("begins with ee, and no domain follows its 16 bytes")
    return name

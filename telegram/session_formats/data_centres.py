"""Addresses of Telegram's data centres, for formats that hold only their numbers.

As Kurigram 2.2.26 has them; they agree with Telethon 1.45, Telegram Desktop and ``help.getConfig``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PRODUCTION: Final[Mapping[int, str]] = {
    1: "149.154.175.53",
    2: "149.154.167.51",
    3: "149.154.175.100",
    4: "149.154.167.91",
    5: "91.108.56.130",
    203: "91.105.192.100",
}
TEST: Final[Mapping[int, str]] = {
    1: "149.154.175.10",
    2: "149.154.167.40",
    3: "149.154.175.117",
}
TEST_HOSTS: Final = frozenset(
    {*TEST.values(), "2001:b28:f23d:f001::e", "2001:67c:4e8:f002::e", "2001:b28:f23d:f003::e"}
)
PORT, TEST_PORT = 443, 80
WEB: Final = ".web.telegram.org"  # ends the names by which browsers reach them


def address_of(dc_id: int, *, test: bool = False) -> tuple[str, int] | None:
    """The address and port of a data centre; ``None`` if it has none that is known."""
    host = (TEST if test else PRODUCTION).get(dc_id)
    return None if host is None else (host, TEST_PORT if test else PORT)

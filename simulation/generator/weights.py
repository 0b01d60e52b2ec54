"""How often what happens in a script: its flavours, and the weights of what may happen in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ACTS", "FAULTS", "NEEDS", "ORDERS", "SHARES"]

SHARES: Final[Mapping[str, float]] = {
    "albums": 0.3,
    "answers": 0.4,
    "silent": 0.3,
    "filters": 0.3,
    "dress": 0.3,
    "orders": 0.4,
    "errors": 0.4,
    "disk": 0.15,
    "clock": 0.1,
    "members": 0.25,
    "chains": 0.3,
    "calm": 0.1,
    "pictures": 0.2,
    "links": 0.2,
    "upgrades": 0.1,
    "names": 0.1,
    "rings": 0.1,
    "barred": 0.05,
    "void": 0.1,
    "protect": 0.1,
    "power": 0.1,
    "second": 0.05,
    "revoked": 0.05,
    "days": 0.05,
    "by code": 0.1,
    "topics": 0.1,
    "handlers": 0.1,
    "wide": 0.1,
    "deadly": 0.05,
    "accounts": 0.1,
}
"""How many scripts have a flavour: something that may happen in them."""
ACTS: Final[Mapping[str, float]] = {
    "order": 0.05,
    "member": 0.02,
    "upgrade": 0.01,
    "pass_name": 0.01,
    "barred": 0.02,
    "revoke": 0.005,
    "say": 0.5,
    "edit": 0.29,
    "delete": 0.14,
}
ORDERS: Final[Mapping[str, float]] = dict.fromkeys(
    ("pair_add", "pair_change", "pair_remove", "pair_pause", "pair_resume", "pair_move",
     "recover", "rotate", "backup", "overview", "retry",
     "restore", "renew", "logout", "session_delete"),
    1.0,
)  # fmt: skip
FAULTS: Final[Mapping[str, float]] = {
    "disk": 0.1,
    "clock": 0.1,
    "cut": 0.15,
    "kill": 0.05,
    "restart": 0.01,
    "crash": 0.06,
    "forget": 0.06,
    "network": 0.02,
    "expire": 0.02,
    "pushes": 0.08,
    "still": 0.01,
    "void": 0.05,
    "power": 0.05,
    "second": 0.02,
    "handler": 0.1,
    "fault": 0.49,
}
"""How often what is done, or breaks, among what may be in a script of its flavours."""
NEEDS: Final[Mapping[str, str]] = {
    "order": "orders",
    "member": "members",
    "disk": "disk",
    "clock": "clock",
    "expire": "albums",
    "upgrade": "upgrades",
    "pass_name": "names",
    "void": "void",
    "barred": "barred",
    "power": "power",
    "second": "second",
    "handler": "handlers",
    "revoke": "revoked",
    "exhaust": "exhausted",
    "restore": "accounts",
    "renew": "accounts",
    "logout": "accounts",
    "session_delete": "accounts",
}
"""The flavour without which something does not happen."""

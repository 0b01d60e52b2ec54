"""What ``telewarden run`` says of the way into its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telewarden import parse_config
from telewarden.cli.run import way_in

pytestmark = pytest.mark.console

HASH = f"sha256:{'0' * 64}"
TOKEN = {"name": "ann", "role": "operator", "hash": HASH}


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ({}, "who is on this machine may look; to steer there, too: telewarden token"),
        ({"open": True}, "who is on this machine needs no token"),
        ({"tokens": [TOKEN]}, "log in there with a token of [[console.tokens]]: ann"),
        (
            {"host": "0.0.0.0"},  # noqa: S104 - it is not started
            "the page shows nothing before there is a token: telewarden token",
        ),
    ],
)
def test_run_says_how_one_gets_into_the_page(
    tmp_path: Path, console: dict[str, Any], said: str
) -> None:
    tables = {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": console,
        "loopback": {},
    }

    assert way_in(parse_config(tables, base=tmp_path)) == said

"""A few hours by a clock that is turned: every message accounted for, and nothing that piles up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from telewarden.errors import DrillError

pytestmark = [
    pytest.mark.actors,
    pytest.mark.session,
    pytest.mark.timeout(240),
    pytest.mark.crashes("*", DrillError),
    pytest.mark.crashes("*", dropped="*"),
]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "long_run.py"


def test_two_hours_lose_nothing_and_leave_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--hours", "2", "--every", "60", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    verdict = json.loads(done.stdout)
    assert (verdict["lost"], verdict["doubled"], verdict["edits_missed"]) == (0, 0, 0), done.stderr
    objects = [
        int(line.partition("objects ")[2].split()[0])
        for line in done.stderr.splitlines()
        if line.startswith("hour ")
    ]
    assert objects[1] - objects[0] < 0.03 * objects[0]

"""A warden killed while messages come, change and go: what was said arrives as it is now."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.actors, pytest.mark.session]

ROUNDS = Path(__file__).parents[2] / "benchmarks" / "kill_rounds.py"
WITHIN = 600.0  # seconds; alone it takes a fiftieth, and it ends by itself when nothing goes on


@pytest.mark.skipif(not ROUNDS.exists(), reason="needs the checkout")
@pytest.mark.timeout(WITHIN + 10.0)
async def test_kills_under_load_lose_double_and_misplace_nothing() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROUNDS), "--rounds", "3", "--json", stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()

    tally = json.loads(told)
    faults = ("lost", "doubled", "misplaced", "edits_missed", "deletions_missed")
    assert tally["said"] > 0
    assert {name: tally[name] for name in faults} == dict.fromkeys(faults, 0)

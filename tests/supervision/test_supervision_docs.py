"""What the page and the example promise runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.supervision

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "supervision.md"
EXAMPLE = ROOT / "examples" / "supervise_threads.py"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_piece_of_code_on_the_page_runs(number: int) -> None:
    pieces = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(pieces) == 3

    exec(compile(pieces[number], f"{PAGE.name}[{number}]", "exec"), {})  # noqa: S102 - our own page


def test_the_example_runs_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "worker (Worker, thread) quarantined" in done.stdout
    assert "9: job 100 done" in done.stdout
    assert "3 stopped" in done.stdout

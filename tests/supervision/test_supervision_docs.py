"""What the page and the example promise runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from telewarden import errors, supervision

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", (TypeError, errors.DrillError)),
]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "supervision.md"
ELSEWHERE = {"CancelledError", "Exception", "None", "SystemExit", "ThreadingActor", "MyActor"}
EXAMPLE = ROOT / "examples" / "supervise_threads.py"


PIECES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(5))
def test_each_piece_of_code_on_the_page_runs(number: int) -> None:
    assert len(PIECES) == 5

    exec(compile(PIECES[number], f"{PAGE.name}[{number}]", "exec"), {})  # noqa: S102 - our own page


def test_every_name_on_the_page_is_promised_and_every_event_is_on_the_page() -> None:
    named = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)\b", PAGE.read_text(encoding="utf-8")))
    events = {
        name
        for name in supervision.__all__
        if isinstance(found := getattr(supervision, name), type)
        and issubclass(found, supervision.Event)
    }

    assert events - named == {"Event"}
    unknown = named - set(supervision.__all__) - set(dir(errors)) - ELSEWHERE
    assert unknown == set()


def test_every_link_on_the_page_leads_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", text)) <= headings


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

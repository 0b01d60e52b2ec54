"""The main job, end to end, as its user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from telewarden.errors import DrillError

pytestmark = [
    pytest.mark.demo,
    pytest.mark.crashes("*", DrillError),
    pytest.mark.crashes("*", dropped="*"),
]

SECONDS = 20
FAULTS = [
    "crash inside a session actor",
    "crash in a worker group",
    "TCP cut",
    "damaged session file",
    "FLOOD_WAIT of 3 s",
    "kill -9 of the whole warden",
]


def scraped(port: int, process: subprocess.Popen[str]) -> str:
    """What Prometheus would get while it runs, once messages flow."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text: str = answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            continue  # it is starting; the test has a deadline
        if 'telewarden_sessions{state="online"} 3.0' in text:
            return text
    pytest.fail(f"it ended before it was scraped: {process.communicate()}")


@pytest.mark.timeout(240)
def test_the_demo_loses_and_doubles_nothing_and_recovers_from_every_fault(tmp_path: Path) -> None:
    port = 19464
    began = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "telewarden",
            "demo",
            "--json",
            "--seconds",
            str(SECONDS),
            "--port",
            str(port),
            "--keep",
            str(tmp_path / "d"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        metrics = scraped(port, process)
        said, complained = process.communicate(timeout=200)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 0, (said, complained)
    summary: dict[str, Any] = json.loads(said)
    assert summary["lost"] == summary["doubled"] == 0
    assert summary["sent"] == summary["forwarded"] > 50
    assert [fault["fault"] for fault in summary["faults"]] == FAULTS
    assert all(fault["recovered_by"] for fault in summary["faults"])
    assert summary["sessions"] == dict.fromkeys(("alice", "bob", "carol"), "healthy")
    assert "telewarden_messages_forwarded_total" in metrics
    assert (
        time.monotonic() - began < SECONDS + 160
    )  # it ends by itself; a busy machine takes its time


def test_the_demo_refuses_a_folder_that_is_there_already(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telewarden", "demo", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 2
    assert "cannot be made" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

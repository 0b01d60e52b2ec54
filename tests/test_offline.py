"""The suite's own guard: a packet that is to leave this machine fails the test that sends it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .offline import CLOSED_IN, leaves

GUARDED = """
import sys
sys.path.insert(0, {folder!r})
from offline import stays_on_this_machine
"""
IN_PYTHON = (
    "import socket\ns = socket.socket()\ntry: s.connect(('192.0.2.1', 443))\nexcept OSError: pass\n"
)
IN_A_CHILD = (
    "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}], check=True)\n"
)
AT_HOME = (
    "import socket\nwith socket.create_server(('127.0.0.1', 0)) as s:\n"
    "    socket.create_connection(s.getsockname()).close()\n"
)


def outcome(folder: Path, body: str) -> str:
    """What a test with this body comes to under the guard, in a process of its own."""
    guard = Path(__file__).parent
    (folder / "conftest.py").write_text(GUARDED.format(folder=str(guard)), encoding="utf-8")
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    (folder / "test_it.py").write_text(f"def test_it():\n{indented}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


def test_a_packet_that_is_to_leave_fails_its_test_and_is_named(tmp_path: Path) -> None:
    told = outcome(tmp_path, IN_PYTHON)

    assert "1 error" in told
    assert "socket.connect to ('192.0.2.1', 443)" in told


@pytest.mark.skipif(not CLOSED_IN, reason="another network namespace is for root to make")
def test_a_packet_of_a_process_that_a_test_started_fails_it_too(tmp_path: Path) -> None:
    told = outcome(tmp_path, IN_A_CHILD.format(code=IN_PYTHON))

    assert "packets were to leave this machine" in told


def test_what_stays_on_the_machine_is_none_of_its_business(tmp_path: Path) -> None:
    assert "1 passed" in outcome(tmp_path, AT_HOME)


@pytest.mark.parametrize(
    ("address", "out"),
    [
        (("127.0.0.1", 80), False),
        (("127.8.8.8", 80), False),
        (("localhost", 80), False),
        (("0.0.0.0", 80), False),  # noqa: S104 - means this machine, to a client
        (("149.154.167.51", 443), True),
        (("telegram.org", 443), True),
    ],
)
def test_an_address_is_on_this_machine_or_not(address: tuple[str, int], *, out: bool) -> None:
    with socket.socket() as one:
        assert (leaves("socket.connect", (one, address)) is not None) is out

"""Signals: the first one stops in order, whenever it comes and whoever the process is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from telewarden.errors import DrillError

from .conftest import Shell

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

KILLED_AFTER = 10.0  # seconds; what a container host waits before it kills
STARTS_WITHIN = 40.0  # seconds, on a machine that is busy with other things
ROOT = os.geteuid() == 0


def child_of(process: subprocess.Popen[str]) -> int:
    """The first process that it started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + KILLED_AFTER
    while time.monotonic() < until:
        if found := children.read_text(encoding="ascii").split():
            return int(found[0])
        time.sleep(0.01)
    pytest.fail("it started nothing")


@pytest.mark.skipif(not ROOT, reason="to be process 1 is root's to arrange")
def test_the_first_process_of_a_container_ends_on_a_sigterm_while_it_starts(shell: Shell) -> None:
    process = shell.start(
        "run", "telewarden.toml", under=("unshare", "--pid", "--fork", "--kill-child")
    )
    first = child_of(process)
    until = time.monotonic() + STARTS_WITHIN
    while not (shell.folder / "store").exists():  # it has read its configuration and is starting
        assert time.monotonic() < until
        time.sleep(0.002)

    os.kill(first, signal.SIGTERM)

    assert process.wait(timeout=KILLED_AFTER) in {0, 128 + signal.SIGTERM}


def test_a_terminal_that_closes_ends_it_in_order(shell: Shell) -> None:
    ours, theirs = os.openpty()
    process = shell.start("run", "telewarden.toml", stdin=theirs, start_new_session=True)
    os.close(theirs)
    shell.until(process, "online by string")

    os.close(ours)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)  # the shell and the kernel both say it
    said, _ = process.communicate(timeout=KILLED_AFTER)

    assert process.returncode == 0
    assert "session stopped" in said or "stopped" in said


def test_a_hangup_in_a_terminal_that_is_open_reloads(shell: Shell) -> None:
    ours, theirs = os.openpty()
    process = shell.start("run", "telewarden.toml", stdin=theirs)
    shell.until(process, "online by string")

    process.send_signal(signal.SIGHUP)

    shell.until(process, "reloaded: nothing has changed")
    os.close(ours)
    os.close(theirs)


def test_a_hangup_has_the_configuration_read_again(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", stdin=subprocess.DEVNULL)
    shell.until(process, "online by string")
    shell.write(**{"[loopback]\n": "[pacing]\nburst = 3\n\n[log]\nlevel = 'debug'\n\n[loopback]\n"})

    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)

    shell.until(process, "reloaded: pacing.burst: 5 -> 3")
    shell.until(process, "reloaded: log.level: 'warning' -> 'debug'")
    alive = shell("status", "telewarden.toml", "--json")
    process.send_signal(signal.SIGTERM)
    _, noted = process.communicate(timeout=KILLED_AFTER)
    assert process.returncode == 0
    assert json.loads(alive.stdout)["sessions"][0]["phase"] == "online"
    assert " INFO " in noted


def test_a_hangup_with_a_file_that_is_wrong_changes_nothing_and_says_where(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", stdin=subprocess.DEVNULL)
    shell.until(process, "online by string")
    shell.write(**{"[loopback]\n": "[pacing]\nburst = 'many'\nfoo = 1\n\n[loopback]\n"})

    process.send_signal(signal.SIGHUP)
    asked = shell("reload")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=KILLED_AFTER)

    assert process.returncode == 0
    for told in (said, asked.stderr):
        assert "line 17: pacing.burst" in told
        assert "line 18: pacing.foo is an unknown key" in told
    assert asked.returncode != 0


def test_a_hangup_while_it_starts_or_stops_harms_nothing(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", stdin=subprocess.DEVNULL)
    until = time.monotonic() + STARTS_WITHIN
    while not (shell.folder / "store").exists():
        assert time.monotonic() < until
        process.send_signal(signal.SIGHUP) if _hears(process) else None
        time.sleep(0.002)
    shell.until(process, "online by string")

    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
    process.communicate(timeout=KILLED_AFTER)

    assert process.returncode == 0


def _hears(process: subprocess.Popen[str]) -> bool:
    """Whether it catches SIGHUP by now: before its first line runs nobody can."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (signal.SIGHUP - 1)))


def test_the_command_tells_what_changed_and_what_needs_a_restart(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", stdin=subprocess.DEVNULL)
    shell.until(process, "online by string")
    shell.write(
        **{
            "\n\n[loopback]\n": "\npriority = 2\n\n[loopback]\n",
            "api_id = 1": "api_id = 2",
        }
    )

    done = shell("reload", "telewarden.toml", "--json")

    result = json.loads(done.stdout)
    assert result["applied"] == [{"key": "sessions.alice.priority", "old": "5", "new": "2"}]
    assert [one["key"] for one in result["needs_restart"]] == ["telegram.api_id"]


@pytest.mark.skipif(shutil.which("nohup") is None, reason="nohup is not installed")
def test_who_was_told_to_outlive_its_terminal_does(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", under=("nohup",))
    shell.until(process, "online by string")

    process.send_signal(signal.SIGHUP)
    alive = shell("status", "telewarden.toml", "--json")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=KILLED_AFTER)

    assert alive.returncode == 0
    assert process.returncode == 0


@pytest.mark.crashes("*:alice/session", DrillError)
def test_a_reader_of_its_lines_that_goes_away_does_not_stop_the_work(shell: Shell) -> None:
    shell.environment.pop("PYTHONUNBUFFERED", None)  # where lines wait to be written, as mostly
    process = shell.start("run", "telewarden.toml")
    shell.until(process, "online by string")
    assert process.stdout is not None
    process.stdout.close()

    struck = shell("drill", "telewarden.toml", "sessions/session:alice/session")
    alive = shell("status", "telewarden.toml")
    process.send_signal(signal.SIGTERM)

    assert (struck.returncode, alive.returncode) == (0, 0)
    assert process.wait(timeout=KILLED_AFTER) == 0

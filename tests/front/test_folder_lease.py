"""One process at a time has a storage folder, and whoever comes second is told who has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from telewarden.errors import FolderHeldError
from telewarden.service.database_backups import restore_database
from telewarden.standalone.offline_warden import OfflineWarden

from .conftest import KEY, Shell

pytestmark = pytest.mark.session

HOLD = """
import asyncio, sys
from telewarden.standalone.offline_warden import OfflineWarden
async def main():
    async with OfflineWarden("telewarden.toml", purpose="telewarden sessions list"):
        print("held", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", KEY)


def holding(shell: Shell) -> subprocess.Popen[str]:
    """A command of another process that is at work on the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shell.running.append(process)
    shell.until(process, "held")
    return process


async def test_a_command_beside_a_running_warden_is_told_its_process_and_since_when(
    shell: Shell,
) -> None:
    warden = shell.start("run", "telewarden.toml")
    shell.until(warden, "Ctrl-C ends")

    with pytest.raises(FolderHeldError) as caught:
        async with OfflineWarden(shell.folder / "telewarden.toml"):
            raise AssertionError("never reached")
    with pytest.raises(FolderHeldError):
        restore_database(shell.folder / "telewarden.toml")

    said = str(caught.value)
    assert f"process {warden.pid} on " in said
    assert ": warden) since 20" in said
    assert said.endswith("ask that process, or stop it first")


def test_a_warden_that_starts_beside_a_command_is_refused_with_what_it_does(shell: Shell) -> None:
    command = holding(shell)
    shell.write(**{'folder = "store"': 'folder = "store"\nlease_timeout = 0.0'})

    refused = shell("run", "telewarden.toml")

    assert refused.returncode == 2
    assert f"is in use by process {command.pid} on " in refused.stderr
    assert "telewarden sessions list) since 20" in refused.stderr


def test_a_second_warden_is_refused_at_once(shell: Shell) -> None:
    first = shell.start("run", "telewarden.toml")
    shell.until(first, "Ctrl-C ends")

    refused = shell("run", "telewarden.toml")

    assert refused.returncode == 2
    assert f"is in use by process {first.pid} on " in refused.stderr


async def test_a_command_that_was_killed_leaves_the_folder_to_the_next(shell: Shell) -> None:
    command = holding(shell)
    command.kill()
    command.wait()

    async with OfflineWarden(shell.folder / "telewarden.toml") as warden:
        assert [entry.name for entry in warden.sessions.list()] == ["alice"]

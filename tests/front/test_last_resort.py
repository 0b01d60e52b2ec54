"""When a process is beyond help it ends with exit code 70, so that it is started anew."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Shell

pytestmark = pytest.mark.console

Start = Callable[[str, str], "subprocess.Popen[str]"]

RESTART_ME = 70
GROUP = "sessions/session:alice/groups/group-1"

HANDLERS = '''
import asyncio, time

class Blocking:
    """Blocks the loop, as code does that was written for a thread."""

    def __init__(self, options):
        pass

    async def deliver(self, handed):
        print("it blocks", flush=True)
        time.sleep(60)

    async def close(self):
        pass


class Stubborn(Blocking):
    """Does not let itself be cancelled."""

    async def deliver(self, handed):
        print("it waits", flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
'''

PAIR = """
[[pairs]]
id = 1
session = "alice"
source = "@news_in"
handler = "{handler}"

[supervision]
{rules}

[loopback]
chatter = 0.05
chats = [{{ username = "news_in", title = "News", owner = "press", members = ["alice"] }}]

[[loopback.accounts]]
name = "press"
phone = "+9996620009"
"""


@pytest.fixture
def started(shell: Shell, tmp_path: Path) -> Start:
    """Start ``telewarden run`` with a pair that has one of the handlers above, as a package."""

    def start(handler: str, rules: str) -> subprocess.Popen[str]:
        package = tmp_path / "installed"
        facts = package / "bad_handlers-1.dist-info"
        facts.mkdir(parents=True)
        (package / "bad_handlers.py").write_text(HANDLERS, encoding="utf-8")
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-handlers\nVersion: 1\n")
        (facts / "entry_points.txt").write_text(
            "[telewarden.handlers]\nblocking = bad_handlers:Blocking\n"
            "stubborn = bad_handlers:Stubborn\n"
        )
        paths = [str(package), os.environ.get("PYTHONPATH", "")]
        shell.environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        shell.write(**{"[loopback]\n": PAIR.format(handler=handler, rules=rules)})
        return shell.start("run", "telewarden.toml")

    return start


@pytest.mark.crashes(logged="loop given up")
def test_a_loop_that_stands_still_for_good_ends_the_process_and_names_the_culprit(
    shell: Shell, started: Start
) -> None:
    process = started("blocking", "stall_after = 0.1\nstall_fatal_after = 0.3")
    shell.until(process, "it blocks")
    said, complained = process.communicate(timeout=20)

    assert process.returncode == RESTART_ME
    assert "something holds the event loop up" in said
    assert "loop stalled" in complained
    assert "time.sleep(60)" in complained
    assert "loop given up" in complained


@pytest.mark.crashes(logged="child abandoned")
@pytest.mark.crashes(logged="child quarantined", possible=True)
@pytest.mark.crashes("*", dropped="*", possible=True)  # what was on its way to who is abandoned
def test_too_many_left_behind_end_the_process_even_if_they_never_let_go(
    shell: Shell, started: Start
) -> None:
    process = started("stubborn", "abandoned_limit = 0")
    shell.until(process, "it waits")
    assert shell("drill", "telewarden.toml", GROUP).returncode == 0
    said, complained = process.communicate(timeout=30)

    assert process.returncode == RESTART_ME
    assert f"{GROUP}: did not stop within" in said
    assert "1 were abandoned, 0 are allowed; restart the process" in complained


@pytest.mark.crashes(logged="child abandoned")
def test_a_stop_that_leaves_something_behind_says_what_and_ends_all_the_same(
    shell: Shell, started: Start
) -> None:
    process = started("stubborn", "abandoned_limit = 10")
    shell.until(process, "it waits")
    process.send_signal(signal.SIGTERM)
    _, complained = process.communicate(timeout=30)

    assert process.returncode == RESTART_ME
    assert f"{GROUP}: abandoned after " in complained

"""Progress bars: on a terminal, of what takes longer than a second, and nowhere else."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from telewarden.loopback import Delay, Fault, LoopbackTelegram

from .conftest import Shell
from .terminal import Terminal

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

ALICE = "+9996620001"
SLOW = 2.5  # seconds that Telegram takes to answer


@pytest.fixture
def telegram() -> Iterator[LoopbackTelegram]:
    with LoopbackTelegram.in_thread() as telegram:
        telegram.add_account("alice", phone=ALICE)
        yield telegram


@pytest.fixture
def running(shell: Shell, telegram: LoopbackTelegram) -> Iterator[subprocess.Popen[str]]:
    (shell.folder / "pub.pem").write_text(str(telegram.pem), encoding="ascii")
    elsewhere = f'[loopback]\nembedded = false\nport = {telegram.port}\npubkey = "pub.pem"\n'
    shell.write(**{"[loopback]\n": elsewhere})
    process = shell.start("run", "--json")
    shell.until(process, '"after": "needs_login"')
    assert shell("auth", "alice", typed="").returncode == 1
    assert shell("auth", "alice", typed=f"{telegram.sent_code(ALICE)}\n").returncode == 0
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


@pytest.fixture
def slow(telegram: LoopbackTelegram, running: subprocess.Popen[str]) -> None:
    telegram.faults.add(Fault(action=Delay(SLOW), method="users.getUsers", times=1))


def ended(terminal: Terminal) -> str:
    """What it showed in all."""
    assert terminal.ended() == 0, terminal.seen
    terminal.close()
    return terminal.seen


def test_what_takes_longer_than_a_second_moves_a_bar_that_leaves_no_trace(
    shell: Shell, slow: None
) -> None:
    seen = ended(Terminal(shell, "test", "alice"))

    bar, _, result = seen.rpartition("\x1b[2K")
    assert re.search(r"test .*━.*0:00:0[12]", bar)
    assert "alice: good" in result
    assert "━" not in result


def test_json_has_no_bar_also_on_a_terminal(shell: Shell, slow: None) -> None:
    seen = ended(Terminal(shell, "test", "alice", "--json"))

    assert json.loads(seen)["sessions"][0]["good"]


def test_a_pipe_gets_no_bar(shell: Shell, slow: None) -> None:
    done = shell("test", "alice")

    assert done.stdout.startswith("alice: good")
    assert done.stderr == ""


def test_what_is_done_at_once_needs_no_bar(shell: Shell, running: subprocess.Popen[str]) -> None:
    seen = ended(Terminal(shell, "backup", "alice"))

    assert "is kept, and opens" in seen
    assert "━" not in seen


def test_an_operation_is_followed_by_a_bar_with_its_steps(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    begun = shell("operations", "begin", "audit", "--steps", "4", "--json")
    number = str(json.loads(begun.stdout)["id"])
    terminal = Terminal(shell, "operations", "watch", number)
    terminal.until("0/4")
    shell("operations", "advance", number, "--step", "3", "--description", "reading [the] books")
    terminal.until("reading [the] books")
    terminal.until("3/4")
    shell("operations", "end", number, "finished")

    assert f"operation {number} (audit) is finished, 4/4" in ended(terminal)


def test_a_backfill_is_followed_to_its_end(
    shell: Shell, telegram: LoopbackTelegram, running: subprocess.Popen[str]
) -> None:
    alice = next(one for one in telegram.accounts if one.phone == ALICE)
    source = telegram.add_channel("in", owner=alice, username="past_in")
    telegram.add_channel("out", owner=alice, username="past_out")
    for number in range(5):
        telegram.post(source, f"message {number}")
    added = shell("pairs", "add", "source=@past_in", "target=@past_out", "--json")
    pair = str(json.loads(added.stdout)["id"])

    done = shell("pairs", "backfill", pair, "--follow")

    assert done.returncode == 0, done
    assert "is finished" in done.stdout
    assert f"backfill of pair {pair}" in done.stderr

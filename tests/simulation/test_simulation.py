"""The simulator: a seed says all that happens, and a script that was a fault once is none now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.simulation, pytest.mark.checkout, pytest.mark.timeout(300)]

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted(Path(__file__).parent.glob("scripts/*.json"))
TOGETHER = 8  # scripts that are played by one process: it takes longer to begin than to play one


def simulate(*words: str, hash_seed: str = "0") -> tuple[int, str]:
    """Run the simulator in a process of its own: it takes over the process's clock."""
    done = subprocess.run(
        [sys.executable, "-m", "simulation", *words],
        cwd=ROOT,
        # It crashes actors and refuses writes all the time, and has a judge of its own.
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "TELEWARDEN_TEST_TROUBLES": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("seed", ["7", "11"])
def test_a_seed_replays_to_the_byte_in_another_process(seed: str) -> None:
    words = ("seed", seed, "--acts", "40", "--trace")

    (_, first), (_, second) = (simulate(*words, hash_seed=each) for each in ("1", "2"))

    assert first == second
    assert "digest" in first


@pytest.mark.parametrize("first", range(0, len(SCRIPTS), TOGETHER))
def test_scripts_that_were_faults_once_are_none_now(first: int) -> None:
    code, said = simulate("replay", *map(str, SCRIPTS[first : first + TOGETHER]))

    assert code == 0, said


def test_a_copy_that_is_not_there_is_found_and_said_in_a_sentence(tmp_path: Path) -> None:
    """The judge is judged: here nobody carries what the model wants carried."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps(deaf_script()))

    code, said = simulate("replay", str(path))

    assert code == 1
    assert "violation: at rest: pair 1 copy m1: lost ('m1 v1')" in said


def test_a_script_shrinks_to_what_the_violation_needs(tmp_path: Path) -> None:
    path, small = tmp_path / "script.json", tmp_path / "small.json"
    path.write_text(json.dumps(deaf_script()))

    simulate("shrink", str(path), "--out", str(small))

    steps = json.loads(small.read_text())["steps"]
    assert [step["do"] for step in steps] == ["fault", "say"]


@pytest.mark.parametrize(
    "about",
    [
        "power",
        "second process",
        "upgrades",
        "names",
        "rings",
        "barred",
        "kept down",
        "handlers",
        "accounts",
    ],
)
def test_a_directed_seed_is_clean(about: str) -> None:
    code, said = simulate("seed", "1", "--about", about, "--acts", "50")

    assert code == 0, said


@pytest.mark.parametrize(
    ("name", "first"),  # a seed that finds it at once
    [
        ("silence_is_not_carried", "1"),
        ("an_upgraded_group_is_not_followed", "11"),
        ("missed_updates_without_a_pause", "1"),
        ("a_chat_returned_to_is_not_compared", "1"),
        ("a_gap_of_seq_drops_what_it_holds", "4"),
    ],
)
def test_a_fix_that_is_taken_out_is_found_by_its_name(name: str, first: str) -> None:
    code, said = simulate("mutations", name, "--first", first, "--seconds", "60")

    assert code == 0, said
    assert name in said
    assert "NOT FOUND" not in said


INSIDE = """
from simulation import surroundings
surroundings.install()
from simulation.generator import generate
from simulation.disk import disk_refused
from simulation.run import play
"""


def inside(code: str) -> str:
    """What a program says that looks at the simulator from inside, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", INSIDE + code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def test_a_seed_is_abandoned_when_the_time_is_over() -> None:
    said = inside("outcome = play(generate(7), until=0.0); print(outcome)")

    assert "violations=[]" in said
    assert "abandoned=True" in said


def test_an_error_that_is_its_own_causes_cause_is_looked_at_once() -> None:
    said = inside(
        "error, cause = OSError(), OSError(); error.cause, cause.__cause__ = cause, error;"
        "print(disk_refused(error))"
    )

    assert said == "False\n"


def deaf_script() -> dict[str, Any]:
    """A script in which one fault stays for ever: no copy is ever taken."""
    chat = {"kind": "broadcast", "owner": "press", "members": ["s0"]}
    refused = {"kind": "rpc_error", "text": "INTERDC_2_CALL_ERROR", "code": 500}
    fault = {"action": refused, "method": "messages.sendMessage", "times": None, "stays": True}
    return {
        "seed": "deaf",
        "sessions": ["s0"],
        "chats": [chat | {"name": "a0"}, chat | {"name": "b0"}, chat | {"name": "a1"}],
        "pairs": [{"id": 1, "session": "s0", "source": "a0", "target": "b0", "mode": "copy"}],
        "steps": [
            {"do": "say", "at": 0.1, "chat": "a1", "token": "m0", "text": "m0 v1"},
            {"do": "cut", "at": 0.2, "session": "s0"},
            {"do": "fault", "at": 5.0, "session": "s0", **fault},
            {"do": "say", "at": 6.0, "chat": "a0", "token": "m1", "text": "m1 v1"},
            {"do": "edit", "at": 7.0, "token": "m0", "text": "m0 v2"},
        ],
    }

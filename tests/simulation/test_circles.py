"""Nothing is asked for in a circle: methods answered with errors, over ten virtual minutes each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.simulation, pytest.mark.checkout, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent.parent


def circles(*words: str) -> tuple[int, str]:
    """Play some of the trials in a process of its own: it takes over the process's clock."""
    done = subprocess.run(
        [sys.executable, "-m", "simulation.circles", *words],
        cwd=ROOT,
        # It refuses everything, and has a judge of its own.
        env=os.environ | {"PYTHONHASHSEED": "0", "TELEWARDEN_TEST_TROUBLES": ""},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("answer", ["nothing", "more", "too long", "no messages", "the same*"])
def test_an_answer_that_does_not_get_on_is_not_asked_for_again_and_again(answer: str) -> None:
    code, said = circles("--answer", answer)

    assert code == 0, said
    assert "circles 0" in said


@pytest.mark.parametrize("answer", ["PEER_ID_INVALID", "CHAT_ID_INVALID"])
def test_a_chat_that_is_never_taken_is_not_read_again_and_again(answer: str) -> None:
    code, said = circles("--method", "messages.getHistory", "--answer", answer)

    assert code == 0, said


def test_no_method_is_called_in_a_circle_whatever_it_is_answered() -> None:
    """Some of all methods and errors; ``python -m simulation.circles`` plays them all."""
    code, said = circles("--share", "7/41")

    assert code == 0, said

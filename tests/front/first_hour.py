"""The transcript of an operator's first hour, typed at a real command line.

Everything that is typed is in ``STEPS``; it runs on a data centre of its own, in a folder of its
own. ``python tests/front/first_hour.py`` writes ``docs/first-hour.md`` anew.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "first-hour.md"

INTRODUCTION: Final = """\
# The first hour

From nothing to three sessions that are logged in and three pairs that forward, by typing only what
`telewarden --help` shows. All of it runs on a Telegram data centre of its own on 127.0.0.1; nothing
is sent anywhere. This page is printed by a script that types it (`tests/front/first_hour.py`), and
a test types it again.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A heading or a sentence, what is typed, and what is answered to its questions."""

    said: str
    typed: str
    answers: str = ""


STEPS: Final = (
    Step(
        "## A configuration\n\nOne to play with. Without `--loopback` it asks for what it needs.",
        "telewarden init --loopback",
    ),
    Step("", "telewarden check"),
    Step("A second one does not write over the first.", "telewarden init --loopback"),
    Step("What is looked at before anything runs:", "telewarden status"),
    Step("## Running\n\nIn a terminal of its own, or as a service:", "telewarden run &"),
    Step("", "telewarden wait --ready"),
    Step("", "telewarden status"),
    Step("A word that is not quite right:", "telewarden sesions"),
    Step("", "telewarden sessions"),
    Step(
        "## One more account\n\nIt is registered while everything else goes on.",
        "telewarden register press +9996620009 --priority 3",
    ),
    Step("", "telewarden status press"),
    Step(
        "The first code is mistyped; here everybody's is 22222.",
        "telewarden auth press",
        answers="11111\n22222\n",
    ),
    Step("", "telewarden test press"),
    Step("## Pairs", "telewarden pairs list"),
    Step("", "telewarden optimal"),
    Step("", "telewarden pairs add --session bob source=@sport_in target=@sport_out mode=copy"),
    Step("", "telewarden pairs add --session press source=@news_in target=@press_room"),
    Step(
        "What would go wrong is refused before it does: twice the same,",
        "telewarden pairs add --session bob source=@sport_in target=@sport_out mode=copy",
    ),
    Step("a ring,", "telewarden pairs add --session bob source=@sport_out target=@sport_in"),
    Step("a key that there is not.", "telewarden pairs add --session bob sorce=@sport_in"),
    Step("", "telewarden pairs pause 2 --reason 'the season is over'"),
    Step("Why does nothing come?", "telewarden pairs why 2"),
    Step("", "telewarden pairs resume 2"),
    Step("## When something is wrong", "telewarden safety-check"),
    Step("", "telewarden floods"),
    Step("Crash one on purpose, and see it come back:", "telewarden drill sessions/session:bob"),
    Step("", "telewarden wait --ready"),
    Step("", "telewarden health"),
    Step("## Copies", "telewarden backup press"),
    Step("", "telewarden backups press"),
    Step("What harms is asked about first.", "telewarden logout press"),
    Step("## The end", "telewarden stop"),
    Step("With no warden running, the store answers.", "telewarden sessions"),
    Step("", "telewarden pairs list"),
)

# What differs from run to run: a page says what was, and a test compares the rest.
VARYING: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(\.\d+)?"), "#"),
    (re.compile(r"\d+(\.\d+)? (ms|s|min|h|KiB|MiB|bytes)\b"), "#"),
    (re.compile(r"\d+(\.\d+)?"), "#"),
    (re.compile(r" +"), " "),
)


def alike(page: str) -> list[str]:
    """The page without what differs from run to run."""
    for pattern, stands_for in VARYING:
        page = pattern.sub(stands_for, page)
    return [line.rstrip() for line in page.splitlines()]


def transcript(folder: Path) -> str:
    """Type everything in ``folder``; returns the page.

    The folder's own path is shown as ``~``, and this machine's name as ``host``.
    """
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TELEWARDEN")},
        "COLUMNS": "100",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
    }
    running: list[subprocess.Popen[str]] = []
    try:
        lines = "\n".join(_typed(folder, surroundings, running))
    finally:
        for process in running:
            process.terminate()
            process.wait(30)
    page = f"{INTRODUCTION}\n{lines}\n".replace(str(folder), "~")
    return page.replace(f" on {socket.gethostname()} ", " on host ")


def _typed(
    folder: Path, surroundings: dict[str, str], running: list[subprocess.Popen[str]]
) -> Iterator[str]:
    opened = False
    for step in STEPS:
        if step.said and opened:
            yield "```\n"
        if step.said:
            yield f"{step.said}\n"
        yield "```text" if step.said else ""
        opened = True
        yield f"$ {step.typed}"
        words = [sys.executable, "-m", *shlex.split(step.typed.removesuffix(" &"))]
        if step.typed.endswith(" &"):
            running.append(
                subprocess.Popen(
                    words,
                    cwd=folder,
                    env=surroundings,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            continue
        done = subprocess.run(
            words,
            cwd=folder,
            env=surroundings,
            input=step.answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        said = done.stdout.rstrip()
        for answer in step.answers.split():  # as a terminal shows what is typed
            said = said.replace("code:\npress", f"code: {answer}\npress", 1)
        yield from said.splitlines()
        if done.returncode:
            yield f"(exit code {done.returncode})"
    yield "```"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as chosen:
        PAGE.write_text(transcript(Path(chosen)), "utf-8")

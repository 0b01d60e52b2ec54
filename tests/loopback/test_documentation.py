"""The page for users: every Python example in it runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from telewarden.loopback.faults import actions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "loopback.md"
pytestmark = [
    pytest.mark.loopback,
    pytest.mark.skipif(not PAGE.exists(), reason="the pages are not beside an installed package"),
]


def examples() -> list[str]:
    text = PAGE.read_text() if PAGE.exists() else ""
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(examples())))
def test_an_example_runs_as_it_stands(number, tmp_path):
    code = examples()[number]
    file = tmp_path / "test_example.py"
    file.write_text(code)
    command = [sys.executable, str(file)]
    if "def test_" in code:
        command = [sys.executable, "-m", "pytest", "-q", str(file), "-o", "asyncio_mode=auto"]
        command += ["-p", "no:cacheprovider"]
        if "telewarden" not in entry_points(group="pytest11").names:  # a checkout, not installed
            command += ["-p", "telewarden.testing.plugin"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_is_on_the_page():
    text = PAGE.read_text()
    names = [
        name
        for name, one in vars(actions).items()
        if isinstance(one, type) and one.__module__ == actions.__name__ and name[0].isupper()
    ]

    assert [name for name in [*names, "RpcError"] if f"`{name}(" not in text] == []


def test_the_fixtures_cost_a_project_that_does_not_use_them_no_import_of_telethon():
    code = (
        "import sys, telewarden.testing.plugin; "
        "sys.exit('telethon' in sys.modules or 'telewarden.loopback' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=50, check=False)

    assert done.returncode == 0

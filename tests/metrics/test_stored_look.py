"""What the look at the disk finds out about keys that other processes own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telewarden.metrics import LeaseOwner
from telewarden.service.stored_figures import owners_of
from telewarden.storage import Lease, LeaseHolder, StoredFigures

pytestmark = pytest.mark.metrics

OTHER = """
import sys
from telewarden.storage import Lease, LeaseHolder
with Lease(sys.argv[1]).held(1, owner=LeaseHolder.current("another")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[int]:
    """A process that owns key 1; its number."""
    home = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(home)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def test_a_key_is_held_here_or_elsewhere_or_nowhere(tmp_path: Path, other: int) -> None:
    lease = Lease(tmp_path)
    rows = [
        StoredFigures(name="theirs", key_id=1),
        StoredFigures(name="ours", key_id=2),
        StoredFigures(name="free", key_id=3),
        StoredFigures(name="none"),
    ]

    with lease.held(2, owner=LeaseHolder.current("this")):
        owners = owners_of(rows, lease)

    host = LeaseHolder.current("this").host
    assert owners == {
        "theirs": LeaseOwner(state="elsewhere", pid=other, host=host),
        "ours": LeaseOwner(state="held", pid=os.getpid(), host=host),
    }

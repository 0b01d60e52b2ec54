"""Too few open files are a sentence before anything starts, and never the network's fault."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telewarden.errors import StorageFailedError
from telewarden.storage.error_mapping import map_os_error
from telewarden.telegram import Moment, Proxies, Proxy, ProxyKind, classify
from telewarden.telegram.connecting.admission import Admission
from telewarden.telegram.connecting.connect_limit import ConnectLimit, ConnectQueue
from telewarden.telegram.connecting.outage import OutageLimit, OutageWatch
from telewarden.telegram.proxies import Route

pytestmark = pytest.mark.session

SHORT = OSError(errno.EMFILE, os.strerror(errno.EMFILE))

START = """
import asyncio, json, resource, sys
from telewarden import Warden
from telewarden.errors import OpenFilesError

soft, hard, sessions = map(int, sys.argv[2:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
warden = Warden({
    "telegram": {"api_id": 1},
    "storage": {"folder": sys.argv[1], "master_key": {"file": sys.argv[1] + "/k", "create": True}},
    "sessions": [{"name": f"s{n}", "phone": f"+99966{n:05d}"} for n in range(sessions)],
    "loopback": {},
    "console": {"port": 0},
})

async def main():
    try:
        await warden.start()
    except OpenFilesError as error:
        return {"said": str(error), "needed": error.needed}
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    await warden.stop()
    return {"allowed": allowed}

print(json.dumps(asyncio.run(main())))
"""


def started(folder: Path, *, soft: int, hard: int, sessions: int) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        subprocess.run(
            [sys.executable, "-c", START, str(folder), *map(str, (soft, hard, sessions))],
            capture_output=True,
            text=True,
            timeout=55,
            check=True,
        ).stdout
    )
    return told


def test_a_start_that_needs_more_files_than_allowed_is_refused_with_the_number(
    tmp_path: Path,
) -> None:
    told = started(tmp_path / "store", soft=1024, hard=1024, sessions=1000)

    assert isinstance(told["needed"], int)
    assert told["needed"] > 3000
    assert f"1000 sessions need about {told['needed']} open files" in str(told["said"])
    assert f"this process may open 1024; raise the limit (ulimit -n {told['needed']}" in (
        str(told["said"])
    )
    assert not (tmp_path / "store").exists()


def test_a_limit_that_may_be_raised_is_raised(tmp_path: Path) -> None:
    told = started(tmp_path / "store", soft=100, hard=4096, sessions=3)

    assert isinstance(told["allowed"], int)
    assert 200 < told["allowed"] <= 4096


@pytest.mark.parametrize(
    "error",
    [SHORT, map_os_error(SHORT, Path("lease"))],
    ids=["connecting", "a lease"],
)
def test_a_shortage_is_named_and_not_taken_for_the_network(error: Exception) -> None:
    error.__cause__ = SHORT if isinstance(error, StorageFailedError) else None

    verdict = classify(error, moment=Moment.OPENING)

    assert verdict.name == "NO_DESCRIPTORS"
    assert "ulimit -n" in verdict.advice
    assert not verdict.terminal


def test_a_shortage_says_nothing_of_an_address() -> None:
    told: list[str] = []
    outages = OutageWatch(OutageLimit(sessions=2), tell=lambda address, _: told.append(address))
    admission = Admission(
        Proxies(),
        ConnectQueue(ConnectLimit(), clock=lambda: 1.0, sleep=asyncio.sleep),
        outages,
        clock=lambda: 1.0,
        on_held=lambda _: None,
    )
    route = Route("127.0.0.1", Proxy(kind=ProxyKind.HTTP, host="127.0.0.1", port=1))

    for number in range(10):
        admission.record_failure(f"s{number}", route, SHORT)

    assert told == []
    assert not outages.is_open(route)

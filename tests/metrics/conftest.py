"""A warden on a loopback data centre, scraped by a real Prometheus that runs the shipped rules."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from telewarden import Warden, parse_config
from telewarden.loopback import LoopbackTelegram
from telewarden.telegram import Phase

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "telewarden.rules.yml"
SOON = 30.0  # seconds in which anything that is going to happen has happened
LOOK_EVERY = 0.1
QUICKLY = 0.2  # seconds between two looks

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="needs prometheus, a Debian package"
)

ALICE, BOB, CAROL, PRESS = "+9996620001", "+9996620002", "+9996620003", "+9996620009"
TABLES: dict[str, Any] = {
    "telegram": {"api_id": 1},
    "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2, "late_within": 0.5, "restarts": 1},
    "console": {"port": 0},
    "sessions": [
        {"name": "alice", "phone": ALICE},
        {"name": "bob", "phone": BOB},
        {"name": "carol", "phone": CAROL},
    ],
    "pairs": [{"id": 1, "session": "alice", "source": "@news_in", "target": "@news_out"}],
    "loopback": {
        "accounts": [
            {"name": "alice", "phone": ALICE},
            {"name": "bob", "phone": BOB},
            {"name": "carol", "phone": CAROL},
            {"name": "press", "phone": PRESS},
        ],
        "chats": [
            {"username": "news_in", "title": "In", "owner": "press", "members": ["alice"]},
            {"username": "news_out", "title": "Out", "owner": "alice"},
        ],
    },
}
SCRAPING = """
global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: telewarden
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@functools.cache
def http() -> httpx.Client:
    """One for all: each reads the certificates of the world first."""
    return httpx.Client(timeout=10)


def until(check: Callable[[], Any], what: object = "") -> Any:
    """Look again and again until there is something to return."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(LOOK_EVERY)
    pytest.fail(f"not within {SOON:g} s: {what}")


@dataclass
class Watched:
    """A running warden, and the Prometheus that scrapes it."""

    warden: Warden
    url: str

    @property
    def telegram(self) -> LoopbackTelegram:
        standin = self.warden.standin
        assert standin is not None
        assert standin.telegram is not None
        return standin.telegram

    def api(self, path: str, **parameters: str) -> Any:
        answer = http().get(f"{self.url}/api/v1/{path}", params=parameters)
        return answer.raise_for_status().json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now, a vector."""
        found: list[dict[str, Any]] = self.api("query", query=expression)["result"]
        return found

    def matrix(self, expression: str, begin: float, end: float) -> list[dict[str, Any]]:
        """What an expression gave, second by second."""
        asked = {"query": expression, "start": str(begin), "end": str(end), "step": "1"}
        found: list[dict[str, Any]] = self.api("query_range", **asked)["result"]
        return found

    def firing(self, session: str) -> set[str]:
        """The alerts that fire for a session, or for those that match; "" for those of all."""
        alerts = self.query(f'ALERTS{{alertstate="firing",session=~"{session}"}}')
        return {one["metric"]["alertname"] for one in alerts}

    def phase(self, session: str) -> Phase:
        return self.warden.run(self.warden.session(session).report()).phase


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Shared by a module's tests, which leave every session online."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        quick_looks(),
        Warden(parse_config(TABLES, base=folder)) as warden,
        prometheus_of(folder, warden) as url,
    ):
        watched = Watched(warden, url)
        until(lambda: watched.query('telewarden_sessions{state="online"} == 3'), "all are online")
        until(lambda: not watched.firing(".*"), "nothing is amiss")
        yield watched


@contextlib.contextmanager
def quick_looks() -> Iterator[pytest.MonkeyPatch]:
    """What a warden looks at every few seconds it looks at all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("telewarden.service.observation.OBSERVE_EVERY", QUICKLY)
        patch.setattr("telewarden.service.stored_figures.LOOK_EVERY", QUICKLY)
        patch.setattr("telewarden.service.stored_figures.SHARE", 1.0)
        patch.setattr("telewarden.service.responsiveness.LOOK_EVERY", QUICKLY)
        yield patch


@contextlib.contextmanager
def prometheus_of(folder: Path, warden: Warden) -> Iterator[str]:
    """One that scrapes a warden; alerts fire at once, however long they wait elsewhere."""
    rules, config = folder / "rules.yml", folder / "prometheus.yml"
    text = RULES.read_text(encoding="utf-8")
    rules.write_text(re.sub(r"\n +for: \w+", "", text), encoding="utf-8")
    config.write_text(SCRAPING.format(rules=rules, port=warden.port), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={at}",
            "--log.level=warn",
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until(lambda: _is_ready(at, process), "Prometheus is ready")
            yield f"http://{at}"
        finally:
            process.terminate()
            assert process.stderr is not None
            said = process.stderr.read()
    assert "level=error" not in said, said


def _is_ready(at: str, process: subprocess.Popen[str]) -> bool:
    if process.poll() is not None:
        pytest.fail(f"Prometheus ended: {process.communicate()[1]}")
    try:
        return http().get(f"http://{at}/-/ready").is_success
    except httpx.TransportError:
        return False

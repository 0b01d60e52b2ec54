"""What the documents say is so, and each example runs."""

from __future__ import annotations

import configparser
import re
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from telewarden import __version__, load_config, parse_config
from telewarden.actors.forwarding.pair import state_table
from telewarden.actors.health import steps as health_steps
from telewarden.config import (
    BotConfig,
    Config,
    ConsoleConfig,
    HealthConfig,
    LogConfig,
    LoopbackConfig,
    MetricsConfig,
    NotifyConfig,
    PacingConfig,
    PairConfig,
    ProgramConfig,
    ProxyConfig,
    RecoveryConfig,
    RegistryConfig,
    SessionConfig,
    ShareConfig,
    StorageConfig,
    SupervisionConfig,
    TelegramConfig,
)
from telewarden.config.changes import ConfigChange
from telewarden.config.notify import AlertConfig, ChannelConfig, WebhookConfig
from telewarden.telegram import diagram

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.console, pytest.mark.checkout]

TABLES: dict[str, type[BaseModel]] = {
    "[telegram]": TelegramConfig,
    "[storage]": StorageConfig,
    "[[sessions]]": SessionConfig,
    "[[pairs]]": PairConfig,
    "proxy": ProxyConfig,
    "[pacing]": PacingConfig,
    "[recovery]": RecoveryConfig,
    "[health]": HealthConfig,
    "[metrics]": MetricsConfig,
    "[log]": LogConfig,
    "[registry]": RegistryConfig,
    "[supervision]": SupervisionConfig,
    "[console]": ConsoleConfig,
    "[share]": ShareConfig,
    "[[share.programs]]": ProgramConfig,
    "[bot]": BotConfig,
    "[notify]": NotifyConfig,
    "[notify.channels.NAME]": ChannelConfig,
    "[notify.alerts.NAME]": AlertConfig,
    "[notify.webhooks.NAME]": WebhookConfig,
    "[loopback]": LoopbackConfig,
}

EVERY = {heading.strip("[]"): model for heading, model in TABLES.items()}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("drawn", "page"),
    [(diagram(), "docs/architecture.md"), (state_table.diagram(), "docs/forwarding.md")],
    ids=["session", "pair"],
)
def test_a_diagram_of_states_is_drawn_from_the_table(drawn: str, page: str) -> None:
    assert drawn in text_of(page)


def test_the_table_of_health_steps_is_drawn_as_it_is() -> None:
    assert health_steps.table() in text_of("docs/sessions.md")


@pytest.mark.parametrize(("heading", "model"), TABLES.items(), ids=list(TABLES))
def test_every_key_of_the_configuration_has_its_row(heading: str, model: type[BaseModel]) -> None:
    section = text_of("docs/configuration.md").split(f"## `{heading}`", 1)[1].split("\n## ", 1)[0]
    rows = set(re.findall(r"`([a-z_]+)`", section))

    missing = set(model.model_fields) - rows - {"accounts", "chats", "bots"}

    assert missing == set()


def test_every_key_is_said_to_be_live_or_to_need_a_restart() -> None:
    section = text_of("docs/configuration.md").split("## Reload", 1)[1]
    rows = re.findall(r"^\| `\[+([a-z]+)\]+` \| (.*) \| (.*) \|$", section, re.MULTILINE)
    said = {table: (_keys(live), _keys(restart)) for table, live, restart in rows}

    assert said.keys() == Config.model_fields.keys() - {"base"}
    for table, (live, restart) in said.items():
        model = EVERY[table]
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert live | restart == keys
        assert not live & restart
        assert {f"{table}.{key}" for key in keys if _needs_restart(f"{table}.{key}")} == {
            f"{table}.{key}" for key in restart
        }


def _keys(cell: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", cell))


def _needs_restart(key: str) -> bool:
    return ConfigChange(key=key, old="", new="").needs_restart


def test_the_example_of_proxies_is_a_configuration() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", text_of("docs/configuration.md"), re.DOTALL)
    tables = tomllib.loads(example)

    config = parse_config(
        {**tables, "storage": {"folder": "store", "master_key": {"env": "KEY"}}}, text=example
    )

    assert config.telegram.proxy is not None
    assert [one.proxy and one.proxy.kind for one in config.sessions] == ["http", "direct"]


def test_every_document_that_the_readme_names_is_there() -> None:
    named = re.findall(r"\]\(([A-Za-z/_.]+)\)", text_of("README.md"))

    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_readme_installs_the_wheel_that_is_built_with_extras_that_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    known = set(settings["options.extras_require"])

    wheels = re.findall(r"dist/telewarden-(\S+?)-py3-none-any\.whl(?:\[([\w,]+)\])?", text)
    told = set(re.findall(r"`(\w+)`", text.partition("Extras:")[2].partition("\n\n")[0]))

    assert {version for version, _ in wheels} == {__version__}
    assert {extra for _, extras in wheels for extra in extras.split(",") if extra} <= known
    assert told == known


def test_every_make_target_that_the_documents_name_is_there() -> None:
    makefile = text_of("Makefile")
    named = re.findall(
        r"^    make ([a-z]+)", text_of("README.md") + text_of("CONTRIBUTING.md"), re.MULTILINE
    )

    assert {"demo", "test", "check", "bench"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_example_describes_three_accounts_two_groups_and_four_pairs() -> None:
    config = load_config(ROOT / "examples" / "forwarding.toml")

    assert [session.name for session in config.sessions] == ["alice", "bob", "carol"]
    assert {pair.session for pair in config.pairs} == {"alice", "bob"}
    assert len(config.pairs) == 4


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The examples in a folder of their own, on any free port."""
    folder = tmp_path / "x"
    folder.mkdir()
    for name in ("forwarding.toml", "embed.py", "shared_client.py"):
        text = text_of(f"examples/{name}").replace("port = 9464", "port = 0")
        (folder / name).write_text(text.replace("chatter = 1.0", "chatter = 0.1"), encoding="utf-8")
    return folder


def test_the_example_configuration_runs_as_it_is(examples: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "telewarden", "run", "forwarding.toml", "--json"],
        cwd=examples,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(40, process.kill)
    guard.start()
    try:
        forwarded = set[str]()
        assert process.stdout is not None
        for line in process.stdout:
            if '"event": "Forwarded"' in line:
                forwarded.update(re.findall(r'"pair": (\d)', line))
            if forwarded == {"1", "2", "3", "4"}:
                break
        process.send_signal(signal.SIGTERM)
        rest: Any = process.communicate(timeout=20)
    finally:
        guard.cancel()
        process.kill()
        process.communicate()

    assert forwarded == {"1", "2", "3", "4"}, rest
    assert process.returncode == 0


def test_the_embedding_example_runs_as_it_is(examples: Path) -> None:
    done = subprocess.run(
        [sys.executable, "embed.py"],
        cwd=examples,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    assert "Forwarded(" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.endswith(" healthy")] == [
        "alice healthy",
        "bob healthy",
        "carol healthy",
    ]


def test_the_example_of_programs_runs_as_it_is(examples: Path) -> None:
    done = subprocess.run(
        [sys.executable, "shared_client.py"],
        cwd=examples,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    assert "the reader is told: hello from a program" in done.stdout


def test_the_readme_has_a_line_for_each_page_and_for_none_that_is_not_there() -> None:
    root = Path(__file__).parents[2]
    listed = re.findall(
        r"^- \[`(docs/.+?)`\]\(\1\): .+", (root / "README.md").read_text(), re.MULTILINE
    )

    assert sorted(listed) == sorted(f"docs/{one.name}" for one in (root / "docs").glob("*.md"))

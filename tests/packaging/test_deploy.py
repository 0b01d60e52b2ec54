"""What deploy/ offers is accepted by the tools that read it, and agrees with the program."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from telewarden import Warden, parse_config
from telewarden.storage import MasterKey

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE, DOCKER, UNIT = DEPLOY / "compose", DEPLOY / "docker", DEPLOY / "systemd"
KUBERNETES = DEPLOY / "kubernetes" / "telewarden.yaml"
GIVEN = {"TELEWARDEN_MASTER_KEY": "one", "TELEGRAM_API_HASH": "two", "GRAFANA_PASSWORD": "three"}

pytestmark = [pytest.mark.packaging, pytest.mark.checkout]


def needs(program: str, package: str) -> pytest.MarkDecorator:
    there = shutil.which(program) is not None
    return pytest.mark.skipif(not there, reason=f"needs {program}, of the Debian package {package}")


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def beside_python(program: str) -> str:
    return str(Path(sys.executable).parent / program)


# systemd


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNIT / "telewarden.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@needs("systemd-analyze", "systemd")
def test_the_unit_is_exposed_so_little_that_systemd_calls_it_ok() -> None:
    looked = run(
        "systemd-analyze", "security", "--offline=true", UNIT / "telewarden.service", "--no-pager"
    )

    (level,) = re.findall(r"exposure level for telewarden.service: ([\d.]+) (\w+)", looked.stdout)
    assert level[1] == "OK"
    assert float(level[0]) < 2.0


@needs("systemd-analyze", "systemd")
def test_the_unit_has_no_line_that_systemd_does_not_know(tmp_path: Path) -> None:
    text = (UNIT / "telewarden.service").read_text(encoding="utf-8")
    here = tmp_path / "telewarden.service"
    here.write_text(text.replace("/opt/telewarden/bin/telewarden", "/bin/true"), encoding="utf-8")

    looked = run("systemd-analyze", "verify", "--man=no", here)

    assert (looked.returncode, looked.stderr) == (0, "")


def test_the_unit_calls_commands_that_there_are() -> None:
    found = unit()
    words = [shlex.split(one)[1] for key in ("ExecStart", "ExecReload") for one in found[key]]

    assert words == ["run", "reload"]
    assert found["Type"] == ["notify"]
    for word in words:
        assert run(sys.executable, "-m", "telewarden", word, "--help").returncode == 0


# Docker


def instructions() -> list[tuple[str, str]]:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (one.partition(" ") for one in whole.splitlines())
    ]


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    looked = run(beside_python("hadolint"), DOCKER / "Dockerfile")

    assert (looked.returncode, looked.stdout, looked.stderr) == (0, "", "")


def test_the_image_is_not_roots_and_holds_the_environment_alone() -> None:
    last = [place for place, (word, _) in enumerate(instructions()) if word == "FROM"][-1]
    final = instructions()[last:]

    assert [rest for word, rest in final if word == "USER"] == ["10001:10001"]
    assert [rest for word, rest in final if word == "COPY"] == [
        "--from=build /opt/telewarden /opt/telewarden"
    ]


def test_the_image_is_built_of_every_room_and_of_no_store() -> None:
    lines = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    first, *taken = [line for line in lines if line and not line.startswith("#")]
    allowed = {line[1:] for line in taken if line.startswith("!")}
    rooms = {path.resolve().name for path in (ROOT / "telewarden").iterdir() if path.is_symlink()}

    assert first == "*"
    assert rooms | {"telewarden", "setup.cfg", "pyproject.toml"} <= allowed
    assert not [one for one in allowed if not (ROOT / one).exists()]


def test_the_image_is_built_with_the_versions_that_the_tests_ran_with() -> None:
    (step,) = [rest for word, rest in instructions() if word == "RUN" and "constraints" in rest]
    made = subprocess.run(
        ["sh", "-c", step.split(" > ")[0]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pinned = {line.split("==")[0] for line in made.stdout.splitlines()}

    assert {"telethon", "pykka", "cryptography", "uvloop", "cryptg", "python-socks"} <= pinned


# What is shown is asked for by name


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Warden]:
    tables = {
        "telegram": {"api_id": 1},
        "storage": {"folder": str(tmp_path), "master_key": {"env": "TELEWARDEN_TEST_KEY"}},
        "console": {"port": 0, "socket": f"/tmp/tw-deploy-{os.getpid()}.sock"},
        "loopback": {},
    }
    monkeypatch.setenv("TELEWARDEN_TEST_KEY", MasterKey.generate())
    async with Warden(tables) as warden:
        yield warden


async def test_the_image_asks_for_its_health_in_words_that_work(running: Warden) -> None:
    (check,) = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    program = tomllib.loads(f"words = {check.split('CMD ')[1]}")["words"]
    here = [sys.executable, *(one.replace("9464", str(running.port)) for one in program[1:])]

    assert program[0] == "python"
    assert await ended(here) == 0
    await running.stop()
    assert await ended(here) != 0


async def ended(words: Sequence[str]) -> int:
    process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.DEVNULL)
    return await process.wait()


async def test_every_probe_of_the_pod_is_answered(running: Warden) -> None:
    container = resource("StatefulSet")["spec"]["template"]["spec"]["containers"][0]
    probes = {key: value["httpGet"] for key, value in container.items() if key.endswith("Probe")}
    paths = {key: one["path"] for key, one in probes.items()}

    assert paths == {
        "startupProbe": "/startupz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {one["port"] for one in probes.values()} == {"metrics"}
    async with httpx.AsyncClient(base_url=running.url or "") as http:
        for path in paths.values():
            assert (await http.get(path)).status_code in {200, 503}, path


# Compose


@needs("docker-compose", "docker-compose")
def test_compose_reads_the_file_and_every_file_that_it_mounts_is_there() -> None:
    import yaml

    read = run("docker-compose", "-f", COMPOSE / "compose.yml", "config", **GIVEN)
    assert (read.returncode, read.stderr) == (0, "")

    services = yaml.safe_load(read.stdout)["services"]
    mounts = [one.split(":")[0] for service in services.values() for one in service["volumes"]]
    published = [port for service in services.values() for port in service["ports"]]

    assert set(services) == {"telewarden", "prometheus", "alertmanager", "grafana"}
    assert not [one for one in mounts if one.startswith("/") and not Path(one).exists()]
    assert not [port for port in published if not str(port).startswith("127.0.0.1:")]


@needs("docker-compose", "docker-compose")
@pytest.mark.parametrize("missing", GIVEN)
def test_compose_starts_nothing_without_a_secret(missing: str) -> None:
    given = {**GIVEN, missing: ""}

    read = run("docker-compose", "-f", COMPOSE / "compose.yml", "config", **given)

    assert read.returncode != 0
    assert missing in read.stderr


@needs("promtool", "prometheus")
def test_promtool_accepts_the_configuration_with_the_rules(tmp_path: Path) -> None:
    text = (COMPOSE / "prometheus.yml").read_text(encoding="utf-8")
    rules = DEPLOY / "prometheus" / "telewarden.rules.yml"
    here = tmp_path / "prometheus.yml"
    here.write_text(text.replace("/etc/prometheus/rules/*.yml", str(rules)), encoding="utf-8")

    checked = run("promtool", "check", "config", here)

    assert checked.returncode == 0, checked.stderr
    assert "1 rule files found" in checked.stdout
    assert re.search(r"SUCCESS: \d+ rules found", checked.stdout)


@needs("amtool", "prometheus-alertmanager")
def test_amtool_accepts_the_configuration() -> None:
    checked = run("amtool", "check-config", COMPOSE / "alertmanager.yml")

    assert checked.returncode == 0, checked.stderr
    assert "1 receivers" in checked.stdout


def test_grafana_is_provisioned_with_what_is_mounted() -> None:
    import yaml

    services = yaml.safe_load((COMPOSE / "compose.yml").read_text(encoding="utf-8"))["services"]
    grafana = {one.split(":")[0]: one.split(":")[1] for one in services["grafana"]["volumes"]}
    provisioning = COMPOSE / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "telewarden.yml").read_text())[
        "providers"
    ]

    assert str(Path(grafana["../grafana/telewarden.json"]).parent) == provider["options"]["path"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")


# Kubernetes


def resources() -> list[dict[str, Any]]:
    import yaml  # which is no requirement of a wheel's, and this module is collected beside one

    return list(yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8")))


def resource(kind: str) -> dict[str, Any]:
    (found,) = [one for one in resources() if one["kind"] == kind]
    return found


def test_kubernetes_knows_every_field() -> None:
    import kubernetes_validate

    kinds = [one["kind"] for one in resources()]

    assert kinds == ["ConfigMap", "Service", "StatefulSet", "NetworkPolicy"]
    for one in resources():
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_one_pod_owns_the_keys_and_no_secret_is_in_the_file() -> None:
    spec = resource("StatefulSet")["spec"]
    container = spec["template"]["spec"]["containers"][0]

    assert spec["replicas"] == 1
    assert spec["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert not [one for one in resources() if one["kind"] == "Secret"]
    assert all("secretKeyRef" in one["valueFrom"] for one in container["env"])
    assert spec["template"]["spec"]["securityContext"]["runAsUser"] == 10001


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_configuration_that_is_handed_out_can_be_read(where: str) -> None:
    text = (
        (COMPOSE / "telewarden.toml").read_text(encoding="utf-8")
        if where == "compose"
        else resource("ConfigMap")["data"]["telewarden.toml"]
    )

    config = parse_config(tomllib.loads(text))

    assert config.console is not None
    assert "telewarden" in config.console.names
    assert config.storage.master_key.env == "TELEWARDEN_MASTER_KEY"

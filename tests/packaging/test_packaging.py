"""What a checkout promises and a wheel holds."""

from __future__ import annotations

import configparser
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
ROOMS = (
    "actors",
    "bridges",
    "console",
    "loopback",
    "metrics",
    "notify",
    "storage",
    "supervision",
    "telegram",
)

in_checkout = pytest.mark.checkout


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed() -> set[str]:
    return set(setup()["options"]["packages"].split())


def folders() -> set[str]:
    """Every package there is, by the name under which it is imported."""
    found = set()
    for room in (*ROOMS, "telewarden"):
        for init in (ROOT / room).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT)
            if any(part in ROOMS for part in inside.parts[1:]):
                continue  # the same folder again, through a link
            name = ".".join(inside.parts)
            found.add(name if room == "telewarden" else f"telewarden.{name}")
    return found


@in_checkout
def test_every_package_is_listed_and_every_listed_one_is_there() -> None:
    assert listed() == folders()


@in_checkout
def test_every_package_is_mapped_to_its_folder() -> None:
    mapped = dict(
        line.split(" = ") for line in setup()["options"]["package_dir"].strip().splitlines()
    )

    assert set(mapped) == listed()
    for name, folder in mapped.items():
        assert (ROOT / folder / "__init__.py").is_file(), name


@in_checkout
@pytest.mark.parametrize("room", ROOMS)
def test_a_checkout_links_each_room_into_the_front_door(room: str) -> None:
    link = ROOT / "telewarden" / room

    assert link.is_symlink()
    assert link.resolve() == (ROOT / room).resolve()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_promises_what_it_exports_in_order(room: str) -> None:
    module = importlib.import_module(f"telewarden.{room}")

    assert module.__all__ == sorted(module.__all__, key=_as_ruff_sorts)
    assert all(hasattr(module, name) for name in module.__all__)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def test_supervision_alone_never_hears_of_telegram() -> None:
    code = (
        "import sys, telewarden.supervision;"
        "print([m for m in ('telethon', 'sqlite3', 'pydantic', 'starlette') if m in sys.modules])"
    )

    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=unmeasured,  # coverage itself brings SQLite in
    )

    assert done.stdout.strip() == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    package = importlib.import_module("telewarden")
    assert package.__file__ is not None

    assert (Path(package.__file__).parent / "py.typed").is_file()


@in_checkout
def test_the_lock_holds_a_version_and_hashes_for_each_requirement() -> None:
    wanted = re.findall(
        r"^([A-Za-z0-9_-]+)",
        (ROOT / "requirements/dev.in").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    lock = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")

    for name in wanted:
        assert re.search(
            rf"^{re.escape(name)}(\[\S+\])?==\S+ .*\\\n    --hash=sha256:", lock, re.MULTILINE
        ), name


@in_checkout
def test_what_the_wheel_needs_is_among_what_is_locked() -> None:
    needed = setup()["options"]["install_requires"].strip().splitlines()
    wanted = (ROOT / "requirements/dev.in").read_text(encoding="utf-8")

    for requirement in needed:
        assert requirement in wanted


@in_checkout
def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine in anything that is committed."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split("\0")
    foreign = re.compile(r"/(work|root|farm)/[a-z]")

    spoken = [
        name
        for name in tracked
        if name
        and (ROOT / name).is_file()
        and Path(name) != Path(__file__).relative_to(ROOT)
        and foreign.search((ROOT / name).read_text(encoding="utf-8", errors="ignore"))
    ]

    assert spoken == []


@in_checkout
def test_the_lock_names_every_extra_so_that_an_older_pip_finds_it_pinned() -> None:
    """pip before 23.3 looks for a pin of ``coverage[toml]``; that of ``coverage`` is none to it."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([\w.-]+(?:\[[^\]]+\])?)==", lock, re.MULTILINE))
    names = {name.partition("[")[0] for name in pinned}
    asked = {
        wanted.group(1)
        for name in names
        for line in requirements_of(name)
        if (wanted := re.match(r"([\w.-]+\[[^\]]+\])", line)) and "extra ==" not in line
    }

    assert asked
    assert asked <= pinned


def requirements_of(name: str) -> list[str]:
    """What an installed distribution asks for; nothing for one of another platform."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []

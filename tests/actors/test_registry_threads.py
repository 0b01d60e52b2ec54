"""Sixteen threads at once, no lock of theirs; ``benchmarks/registry_threads.py`` in short."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.actors

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "registry_threads.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [*sys.path])  # the script adds the checkout to it
    spec = importlib.util.spec_from_file_location("registry_threads", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sixteen_threads_lose_nothing_and_see_nothing_torn(
    script: ModuleType, tmp_path: Path
) -> None:
    assert script.problems_of(tmp_path, threads=16, calls=10_000) == []

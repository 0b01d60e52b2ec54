"""The page on metrics lists every family there is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = [pytest.mark.metrics, pytest.mark.checkout]

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    path = ROOT / "deploy" / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_of_families_is_current() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert script("reference.py").page(page) == page, "run python deploy/reference.py --write"

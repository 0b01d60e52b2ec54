"""The page on metrics lists every family there is."""

from __future__ import annotations

import pytest

from .scripts import DEPLOY, script

pytestmark = [pytest.mark.metrics, pytest.mark.checkout]


def test_the_table_of_families_is_current() -> None:
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert script("reference.py").page(page) == page, "run python deploy/reference.py --write"

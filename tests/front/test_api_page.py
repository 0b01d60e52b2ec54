"""The page of what is imported from ``telewarden`` is as the docstrings say."""

from __future__ import annotations

import inspect

import pytest

import telewarden

from .api_page import PAGE, page

pytestmark = [pytest.mark.console, pytest.mark.checkout]


def test_the_page_is_as_the_docstrings_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python tests/front/api_page.py"


def test_whatever_is_imported_is_explained() -> None:
    for name in telewarden.__all__:
        if not name.startswith("_"):
            assert inspect.getdoc(getattr(telewarden, name)), name

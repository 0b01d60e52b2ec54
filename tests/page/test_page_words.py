"""The page's own words, in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from telewarden import console
from telewarden.console import LANGUAGES

pytestmark = pytest.mark.console

ASSETS = Path(console.__file__).with_name("assets")
OTHERS = [one for one in LANGUAGES if one != "en"]


def spoken() -> set[str]:
    """What the scripts hand to be translated as it stands there."""
    scripts = [file.read_text("utf-8") for file in ASSETS.rglob("*.js")]
    return {text for one in scripts for text in re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', one)}


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_of_the_page_is_there_in_each_language(language: str) -> None:
    table = json.loads((ASSETS / f"words_{language}.json").read_text("utf-8"))

    assert len(spoken()) > 150
    assert spoken() - set(table) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    table = json.loads((ASSETS / f"words_{language}.json").read_text("utf-8"))

    for text, said in table.items():
        assert sorted(re.findall(r"\{\w+\}", said)) == sorted(re.findall(r"\{\w+\}", text)), text

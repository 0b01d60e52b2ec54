"""The Grafana dashboard is current, and each of its queries has an answer."""

from __future__ import annotations

import json
import re
import time
from types import ModuleType
from typing import Any
from xml.sax.saxutils import unescape

import pytest

from telewarden.errors import DrillError

from .conftest import CAROL, Watched, needs_prometheus, until
from .pictures import drawn, expression, panels
from .scripts import DEPLOY, script

pytestmark = [pytest.mark.metrics, pytest.mark.checkout]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    pytest.importorskip("grafana_foundation_sdk", reason="needs requirements/dev.txt")
    return script("grafana/dashboard.py")


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    text = (DEPLOY / "grafana" / "telewarden.json").read_text(encoding="utf-8")
    dashboard: dict[str, Any] = json.loads(text)
    return dashboard


def test_the_file_is_what_the_script_makes(made: ModuleType, shipped: dict[str, Any]) -> None:
    assert json.loads(made.text()) == shipped, "run python deploy/grafana/dashboard.py --write"


def test_each_row_is_a_question_and_each_panel_says_what_it_shows(shipped: dict[str, Any]) -> None:
    rows = [one["title"] for one in shipped["panels"] if one["type"] == "row"]
    panels = [one for one in shipped["panels"] if one["type"] != "row"]

    assert len(rows) >= 8
    assert all(title.endswith("?") for title in rows)
    assert all(one["description"].endswith(".") and one["targets"] for one in panels)
    assert len({one["id"] for one in shipped["panels"]}) == len(shipped["panels"])


def expressions(shipped: dict[str, Any]) -> list[str]:
    targets = (one for panel in shipped["panels"] for one in panel.get("targets", ()))
    return [expression(one["expr"]) for one in targets]


def test_no_query_asks_for_a_family_that_does_not_exist(shipped: dict[str, Any]) -> None:
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    families = set(re.findall(r"^\| `(telewarden_\w+)`", page, flags=re.MULTILINE))
    families |= {f"{name}{end}" for name in families for end in ("_bucket", "_sum", "_count")}

    asked = {name for one in expressions(shipped) for name in re.findall(r"telewarden_\w+", one)}

    assert asked - families == set()


@needs_prometheus
@pytest.mark.crashes("*:bob/session", DrillError)
def test_every_query_has_an_answer(watched: Watched, shipped: dict[str, Any]) -> None:
    warden, telegram = watched.warden, watched.telegram
    account = telegram.account(CAROL)
    assert account is not None
    source = next(chat for chat in telegram.chats if chat.title == "In")
    for number in range(20):
        telegram.post(source, f"message {number}")
    warden.run(warden.session("alice").backup())
    telegram.revoke(account)  # so that carol waits for a login
    warden.run(warden.drill("sessions/session:bob/session"))
    warden.run(warden.recover("alice"))  # online as it is, it is probed

    unanswered = set(expressions(shipped))

    def all_are_answered() -> bool:
        unanswered.difference_update({one for one in unanswered if answered(watched.query(one))})
        return not unanswered

    until(all_are_answered, unanswered)


def answered(vector: list[dict[str, Any]]) -> bool:
    return any(one["value"][1] != "NaN" for one in vector)


@needs_prometheus
def test_each_panel_is_drawn_with_all_that_it_is_answered(
    watched: Watched, shipped: dict[str, Any]
) -> None:
    until(lambda: watched.query("telewarden_journal_commits_total"), "something was scraped")
    end = time.time()

    shown = panels(shipped, watched.matrix, begin=end - 30, end=end)
    picture = drawn(shown, begin=end - 30, end=end)

    texts = {unescape(one) for one in re.findall(r"<text[^>]*>([^<]*)</text>", picture)}
    graphs = [one for one in shown if one.kind == "timeseries"]
    assert texts >= {one["title"] for one in shipped["panels"]}
    assert picture.count("<polyline") == sum(len(one.series) for one in graphs)
    assert sum(bool(one.series) for one in graphs) > len(graphs) / 2
    assert {"alice", "bob", "carol"} <= texts  # whose states are drawn

"""The table of every metric family, for docs/metrics.md.

usage: python deploy/reference.py > table.md, or with --write into the page itself
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from prometheus_client.core import Metric

from telewarden.actors import Operation, OperationState, RegistrySnapshot, statistics
from telewarden.actors.registry.persistent_map import PersistentMap
from telewarden.metrics import Exporter, LeaseOwner, Storage
from telewarden.storage import StoredFigures
from telewarden.supervision import ChildState, Snapshot
from telewarden.telegram import (
    AccountFacts,
    GroupReport,
    Health,
    Overview,
    PairReport,
    Phase,
    SessionReport,
    Wait,
    WaitKind,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
SESSION = "telewarden_session_"


def families() -> list[Metric]:
    """Every family, of a warden of one session that has something in each."""
    exporter = Exporter(per_session=True, wall=lambda: 1.0)
    report = SessionReport(
        session="a",
        phase=Phase.ONLINE,
        health=Health.HEALTHY,
        reason="",
        since=0.0,
        last_update=0.0,
        probe_seconds=0.0,
        account=AccountFacts(read_at=0.0, frozen_until=0.0, login_ttl_days=1, account_ttl_days=1),
        waits=(Wait(who="session a", kind=WaitKind.FLOOD, what="it", since=0.0),),
    )
    tree = Snapshot(
        id="session:a",
        path="sessions/session:a",
        actor="Supervisor",
        host="loop",
        state=ChildState.RUNNING,
        why="",
        incarnation=1,
        restarts=0,
        seconds=0.0,
        resumes_in=None,
        waiting=0,
        restarts_left=1,
    )
    one = Operation(id=1, kind="a", state=OperationState.RUNNING, started=0.0, updated=0.0)
    registry = statistics(RegistrySnapshot(operations=PersistentMap({1: one})), 1.0)
    pair = PairReport(
        id=1,
        source=1,
        target=2,
        mode="copy",
        waiting=1,
        delivered=0,
        repeated=0,
        dead=0,
        paused=None,
    )
    group = GroupReport(session="a", group="g1", online=True, pairs=(pair,))
    exporter.observe(Overview(sessions=(report,), groups=(group,)), tree, registry=registry)
    row = StoredFigures(name="a", backed_up=0.0, waiting_since=0.0)
    owner = LeaseOwner(state="held", pid=1, host="here")
    exporter.stored([row], {"a": owner}, Storage(free=1, size=1, backed_up=0.0), codes_a_day=1)
    return list(exporter.collect())


def table() -> str:
    """The table in Markdown: what all sessions have together, then what each has."""
    every = families()
    together = [one for one in every if not one.name.startswith(SESSION)]
    each = [one for one in every if one.name.startswith(SESSION)]
    return "\n".join(
        [
            "### Always",
            "",
            *_rows(together),
            "",
            "### Of each session",
            "",
            *_rows(each),
            "",
        ]
    )


def page(text: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}{table()}{END}{after}"


def _rows(metrics: list[Metric]) -> Iterator[str]:
    yield "| family | type | labels | meaning |"
    yield "|---|---|---|---|"
    for metric in metrics:
        labels = sorted({label for one in metric.samples for label in one.labels} - {"le"})
        shown = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{_name(metric)}` | {metric.type} | {shown} | {metric.documentation} |"


def _name(metric: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
    return f"{metric.name}{suffix}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())

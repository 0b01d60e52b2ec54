"""The Grafana dashboard for a warden, made by Grafana's Foundation SDK: a row for each question.

usage: python deploy/grafana/dashboard.py > telewarden.json, or with --write into the file beside it
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableRefresh,
)

FILE = Path(__file__).resolve().parent / "telewarden.json"
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
ALL = 'job=~"$job",instance=~"$instance"'
ONE = f'{ALL},session=~"$session"'
BACK = "telewarden_recoveries_total"
STALLED = "telewarden_loop_stalled_seconds_total"
SINCE = "telewarden_session_phase_since_timestamp_seconds"
RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Query:
    """An expression, and what a line of it is called."""

    expr: str
    legend: str = "__auto"


@dataclass(frozen=True)
class Graph:
    """Lines over time; ``stacked`` where they add up."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    stacked: bool = False

    def panel(self) -> timeseries.Panel:
        """The panel."""
        made = (
            timeseries.Panel()
            .unit(self.unit)
            .fill_opacity(20 if self.stacked else 0)
            .span_nulls(True)
            .legend(
                common.VizLegendOptions()
                .display_mode(LegendDisplayMode.LIST)
                .placement(LegendPlacement.BOTTOM)
                .show_legend(True)
            )
            .tooltip(
                common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
            )
        )
        if self.stacked:
            made.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        return made


@dataclass(frozen=True)
class Number:
    """One number for each line, as it is now."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 4

    def panel(self) -> stat.Panel:
        """The panel."""
        last = common.ReduceDataOptions().calcs(["lastNotNull"])
        return stat.Panel().unit(self.unit).reduce_options(last)


@dataclass(frozen=True)
class States:
    """Which state each session was in over time."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 24

    def panel(self) -> statetimeline.Panel:
        """The panel."""
        return statetimeline.Panel().unit(self.unit).row_height(0.9)


Shown = Graph | Number | States


def q(expr: str, legend: str = "__auto") -> Query:
    """One query."""
    return Query(expr, legend)


def happened(counter: str, *by: str, prefix: str = "") -> Query:
    """How often a counter rose, a line for each combination of these labels."""
    legend = " ".join([prefix, *(f"{{{{{label}}}}}" for label in by)]).strip()
    return Query(f"sum by ({', '.join(by)}) (increase({counter}{{{ALL}}}{RATE}))", legend)


def quantiles(histogram: str, rise: str = "rate", within: str = RATE) -> tuple[Query, ...]:
    """Half of the values, and 19 in 20, are at most so large."""
    buckets = f"sum by (le) ({rise}({histogram}_bucket{{{ALL}}}{within}))"
    return tuple(
        Query(f"histogram_quantile({part}, {buckets})", name)
        for part, name in ((0.5, "p50"), (0.95, "p95"))
    )


ROWS: dict[str, tuple[Shown, ...]] = {
    "Is everything well?": (
        Number(
            "Online",
            "Sessions that are online.",
            (q(f'sum(telewarden_sessions{{{ALL},state="online"}})'),),
        ),
        Number(
            "Not online",
            "Sessions that should be and are not.",
            (q(f'sum(telewarden_sessions{{{ALL},state!~"online|stopping|stopped|deleted"}})'),),
        ),
        Number(
            "Alerts",
            "Alerts that fire.",
            (q(f'count(ALERTS{{{ALL},alertstate="firing"}}) or vector(0)'),),
        ),
        Number(
            "Pairs paused",
            "Pairs that do nothing: by a person, or for a trouble of their own.",
            (q(f'sum(telewarden_pairs{{{ALL},state="paused"}})'),),
        ),
        Number(
            "Messages waiting", "In all outboxes.", (q(f"sum(telewarden_outbox_waiting{{{ALL}}})"),)
        ),
        Number(
            "Dead keys",
            "Sessions that only a new login helps.",
            (q(f"sum(telewarden_sessions_latched{{{ALL}}})"),),
        ),
    ),
    "Which session is down, why, and since when?": (
        States(
            "State of each session",
            "A line for each state that a session was in.",
            (q(f"telewarden_session_phase{{{ONE}}} == 1", "{{session}} {{state}}"),),
        ),
        Graph(
            "In this state for",
            "How long each session has been in its state.",
            (
                q(
                    f"time() - telewarden_session_phase_since_timestamp_seconds{{{ONE}}}",
                    "{{session}}",
                ),
            ),
            "s",
        ),
        Graph(
            "Why a session waits",
            "For how long, by what it waits for.",
            (
                q(
                    f"time() - telewarden_session_wait_since_timestamp_seconds{{{ONE}}}",
                    "{{session}} {{kind}}",
                ),
            ),
            "s",
        ),
        Graph(
            "What is waited for",
            "Sessions, pairs and parts that wait, by what they wait for.",
            (q(f"sum by (kind) (telewarden_waits{{{ALL}}})", "{{kind}}"),),
            stacked=True,
        ),
    ),
    "What crashed, and did it come back?": (
        Graph(
            "Restarts",
            "By kind of child and how its last run ended.",
            (happened("telewarden_child_restarts_total", "kind", "reason"),),
            stacked=True,
        ),
        Graph(
            "Sessions that came back",
            "By why it was needed.",
            (happened("telewarden_recoveries_total", "reason"),),
            stacked=True,
        ),
        Graph(
            "Time to come back",
            "Half of the sessions, and 19 in 20, came back within.",
            quantiles("telewarden_recovery_duration_seconds", "increase", "[1h]"),
            "s",
        ),
        Graph(
            "Restarts left",
            "Before the session, or a part of it, is kept down.",
            (q(f"telewarden_session_restarts_left{{{ONE}}}", "{{session}}"),),
        ),
        Graph(
            "Stuck and abandoned",
            "Parts at one message for too long, and those that would not stop.",
            (
                q(
                    f"sum by (kind) (increase(telewarden_child_stuck_total{{{ALL}}}{RATE}))",
                    "stuck {{kind}}",
                ),
                q(f"sum(telewarden_abandoned_children{{{ALL}}})", "abandoned"),
            ),
        ),
        Graph(
            "Copies that worked, or failed",
            "Tries to come online, by the copy that was tried.",
            (happened("telewarden_recovery_tries_total", "rung", "state"),),
            stacked=True,
        ),
    ),
    "What does Telegram let us wait for, and until when?": (
        Graph(
            "Flood waits",
            "Times Telegram asked to wait, by method.",
            (happened("telewarden_flood_waits_total", "method"),),
            width=12,
            stacked=True,
        ),
        Graph(
            "Still to wait",
            "Until the last flood wait of each session is over.",
            (
                q(
                    "clamp_min(telewarden_session_flood_deadline_timestamp_seconds"
                    f"{{{ONE}}} - time(), 0)",
                    "{{session}}",
                ),
            ),
            "s",
            12,
        ),
    ),
    "Do messages get through, and how late?": (
        Graph(
            "Messages a second",
            "That reached their target, and that were put aside.",
            (
                q(f"sum(rate(telewarden_messages_forwarded_total{{{ALL}}}{RATE}))", "forwarded"),
                q(f"sum(rate(telewarden_messages_caught_up_total{{{ALL}}}{RATE}))", "caught up"),
                q(f"sum(rate(telewarden_dead_letters_total{{{ALL}}}{RATE}))", "dead letters"),
            ),
            "ops",
        ),
        Graph(
            "Lag",
            "From a message's date until it reached its target.",
            quantiles("telewarden_forward_lag_seconds"),
            "s",
        ),
        Graph(
            "Lag of each session",
            "On average.",
            (
                q(
                    f"rate(telewarden_session_forward_lag_seconds_sum{{{ONE}}}{RATE})"
                    f" / rate(telewarden_session_forward_lag_seconds_count{{{ONE}}}{RATE})",
                    "{{session}}",
                ),
            ),
            "s",
        ),
        Graph(
            "Outbox of each session",
            "Messages that wait to be sent.",
            (q(f"telewarden_session_outbox_waiting{{{ONE}}}", "{{session}}"),),
            width=12,
        ),
        Graph(
            "Oldest message that waits",
            "Of all sessions.",
            (q(f"telewarden_outbox_oldest_age_seconds{{{ALL}}}", "{{instance}}"),),
            "s",
            12,
        ),
    ),
    "Does Telegram answer, and do we hear it?": (
        Graph(
            "Answer to a probe",
            "The last one of each session.",
            (q(f"telewarden_session_probe_duration_seconds{{{ONE}}}", "{{session}}"),),
            "s",
        ),
        Graph(
            "Last update",
            "How long ago Telegram told each session anything.",
            (q(f"telewarden_session_update_age_seconds{{{ONE}}}", "{{session}}"),),
            "s",
        ),
        Graph(
            "Connected but deaf",
            "Times that a session heard nothing and was given a new connection.",
            (
                q(
                    f'sum(increase(telewarden_recoveries_total{{{ALL},reason="deaf"}}{RATE}))',
                    "deaf",
                ),
            ),
        ),
    ),
    "What does Telegram say of the accounts, and not tell them?": (
        Number(
            "Frozen accounts",
            "They can read and not write; `telewarden status` says where to appeal.",
            (q(f"sum(telewarden_accounts_frozen{{{ALL}}})", "frozen"),),
        ),
        Number(
            "Pairs deaf for their source",
            "Telegram does not tell their session of what is said there; looks read it.",
            (q(f"sum(telewarden_pairs_deaf{{{ALL}}})", "deaf"),),
        ),
        Graph(
            "Told unasked",
            "Logins elsewhere, keys that end, texts beside refusals.",
            (happened("telewarden_notices_total", "kind"),),
            width=8,
        ),
        Graph(
            "Not readable",
            "What the installed Telethon has no class for: a newer one is needed.",
            (
                q(
                    f"sum(increase(telewarden_unreadable_objects_total{{{ALL}}}{RATE}))",
                    "objects",
                ),
            ),
        ),
        Graph(
            "Dies if unused",
            "Until Telegram ends the login, or deletes the account, of each session.",
            (
                q(
                    f"telewarden_session_unused_deadline_timestamp_seconds{{{ONE}}} - time()",
                    "{{session}} {{what}}",
                ),
            ),
            "s",
            24,
        ),
    ),
    "Who owns the keys, and what could be restored?": (
        Graph(
            "Who owns the keys",
            "This process (held), or another (elsewhere).",
            (q(f"sum by (state) (telewarden_leases{{{ALL}}})", "{{state}}"),),
            stacked=True,
        ),
        Graph(
            "Login codes left today",
            "At 0 only a QR code logs in.",
            (q(f"telewarden_session_login_codes_left{{{ONE}}}", "{{session}}"),),
        ),
        Graph(
            "Age of backups",
            "Of each session's login, and of the whole database.",
            (
                q(f"telewarden_session_backup_age_seconds{{{ONE}}}", "{{session}}"),
                q(f"telewarden_database_backup_age_seconds{{{ALL}}}", "database {{instance}}"),
            ),
            "s",
        ),
    ),
    "Does the process keep up, and is there room?": (
        Graph(
            "Event loop",
            "Time to get to a new task, and for which it was held up.",
            (
                q(f"telewarden_loop_lag_seconds{{{ALL}}}", "lag {{instance}}"),
                q(
                    f"rate(telewarden_loop_stalled_seconds_total{{{ALL}}}{RATE})",
                    "stalled {{instance}}",
                ),
            ),
            "s",
        ),
        Graph(
            "Journal",
            "Half of the transactions, and 19 in 20, took at most.",
            quantiles("telewarden_journal_commit_duration_seconds"),
            "s",
        ),
        Graph(
            "Room on the disk",
            "Free, of the disk that the storage folder is on.",
            (
                q(
                    f"telewarden_storage_free_bytes{{{ALL}}}"
                    f" / telewarden_storage_size_bytes{{{ALL}}}",
                    "{{instance}}",
                ),
            ),
            "percentunit",
        ),
        Graph(
            "Processor",
            "Cores in use.",
            (q(f"rate(process_cpu_seconds_total{{{ALL}}}{RATE})", "{{instance}}"),),
        ),
        Graph(
            "Memory",
            "Resident.",
            (q(f"process_resident_memory_bytes{{{ALL}}}", "{{instance}}"),),
            "bytes",
        ),
        Graph(
            "Mailboxes",
            "Messages between actors that wait.",
            (q(f"telewarden_mailbox_waiting{{{ALL}}}", "{{instance}}"),),
        ),
    ),
}


def queries() -> Iterator[tuple[str, str]]:
    """The panel and the expression of every query."""
    for shown in ROWS.values():
        for panel in shown:
            for query in panel.queries:
                yield panel.title, query.expr


def text() -> str:
    """The dashboard as JSON."""
    made = (
        dashboard.Dashboard("Telewarden")
        .uid("telewarden")
        .description("What an operator asks of a warden; a row for each question.")
        .tags(["telegram", "telewarden"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")
        )
    )
    for name, query in (
        ("job", "label_values(telewarden_build_info, job)"),
        ("instance", 'label_values(telewarden_build_info{job=~"$job"}, instance)'),
        ("session", f"label_values(telewarden_session_phase{{{ALL}}}, session)"),
    ):
        made.with_variable(_variable(name, query))
    ids = count(1)
    for title, shown in ROWS.items():
        made.with_row(dashboard.Row(title).id(next(ids)))
        for one in shown:
            made.with_panel(_panel(one).id(next(ids)))
    return f"{JSONEncoder(sort_keys=True, indent=2).encode(made.build())}\n"


def _variable(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _panel(shown: Shown) -> Any:
    panel: Any = shown.panel()
    panel.title(shown.title).description(shown.about).datasource(SOURCE)
    panel.height(5 if isinstance(shown, Number) else 8).span(shown.width)
    for place, query in enumerate(shown.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
        panel.with_target(target.ref_id(chr(ord("A") + place)).datasource(SOURCE))
    return panel


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(text(), encoding="utf-8")
    else:
        print(text(), end="")

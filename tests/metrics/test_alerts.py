"""Each alert fires when it should and resolves by itself; promtool says so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from telewarden.cli.main import app

pytestmark = [
    pytest.mark.metrics,
    pytest.mark.checkout,
    pytest.mark.skipif(
        shutil.which("promtool") is None,
        reason="needs promtool, of Debian's package prometheus",
    ),
]

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "telewarden.rules.yml"
HERE = 'job="telewarden",instance="here"'
ALICE = f'{HERE},session="alice"'
LAG = "telewarden_forward_lag_seconds_bucket"
LATER = 10**9  # seconds: so far ahead that promtool's clock, which begins at 0, does not get there


@dataclass(frozen=True)
class Case:
    """An alert, series by the minute, the minute by which it fires, that by which it is over."""

    alert: str
    series: dict[str, str]
    fires: int
    over: int
    labels: str = ALICE
    quiet: int = 4
    """A minute at which it does not fire yet."""


def one(alert: str, name: str, values: str, *, fires: int, over: int, **more: Any) -> Case:
    return Case(alert, {name: values}, fires, over, **more)


def phase(alert: str, state: str, *, fires: int) -> Case:
    """A session that is in ``state`` from minute 5 to 24."""
    name = f'telewarden_session_phase{{{ALICE},state="{state}"}}'
    return one(alert, name, "0x4 1x19 0x20", fires=fires, over=27)


CASES = (
    phase("TelewardenSessionDown", "connecting", fires=11),
    Case(
        "TelewardenSessionsDown",
        {
            f'telewarden_sessions{{{HERE},state="waiting"}}': "0x4 2x19 0x20",
            f"telewarden_per_session_shown{{{HERE}}}": "0x60",
        },
        11,
        27,
        HERE,
    ),
    phase("TelewardenSessionNeedsLogin", "needs_login", fires=7),
    one(
        "TelewardenKeyLatched",
        f"telewarden_session_key_latched{{{ALICE}}}",
        "0x4 1x19 0x20",
        fires=6,
        over=26,
    ),
    phase("TelewardenSessionQuarantined", "quarantined", fires=6),
    one(
        "TelewardenPartQuarantined",
        f'telewarden_waits{{{HERE},kind="quarantine"}}',
        "0x4 1x19 0x20",
        fires=7,
        over=27,
        labels=HERE,
    ),
    one(
        "TelewardenRestartStorm",
        f'telewarden_child_restarts_total{{{HERE},kind="session",reason="error"}}',
        "0x4 1+1x9 10x40",
        fires=12,
        over=30,
        labels=f'{HERE},kind="session"',
    ),
    one(
        "TelewardenLongFlood",
        f"telewarden_session_flood_deadline_timestamp_seconds{{{ALICE}}}",
        f"0x4 {LATER}x19 0x20",
        fires=6,
        over=26,
    ),
    one(
        "TelewardenSessionDeaf",
        f'telewarden_recoveries_total{{{HERE},rung="string",reason="deaf"}}',
        "0x4 1+1x2 3x120",
        fires=10,
        over=80,
        labels=HERE,
    ),
    Case(
        "TelewardenSessionSilent",
        {
            f"telewarden_session_update_age_seconds{{{ALICE}}}": "0x4 90000x19 0x20",
            f'telewarden_session_phase{{{ALICE},state="online"}}': "1x60",
        },
        6,
        26,
    ),
    one(
        "TelewardenLoginBudgetSpent",
        f"telewarden_session_login_codes_left{{{ALICE}}}",
        "3x4 0x19 1x20",
        fires=6,
        over=26,
    ),
    one(
        "TelewardenLeaseElsewhere",
        f'telewarden_session_lease_info{{{ALICE},state="elsewhere",pid="7",host="b"}}',
        "_x4 1x19 stale",
        fires=8,
        over=27,
        labels=f'{ALICE},state="elsewhere",pid="7",host="b"',
    ),
    one(
        "TelewardenOutboxOld",
        f"telewarden_session_outbox_oldest_age_seconds{{{ALICE}}}",
        "_x4 1000x19 stale",
        fires=11,
        over=27,
    ),
    Case(
        "TelewardenForwardLag",
        {
            f'{LAG}{{{HERE},le="60.0"}}': "0+1x4 5x26 6+60x40",
            f'{LAG}{{{HERE},le="300.0"}}': "0+1x4 15+10x26 276+60x40",
            f'{LAG}{{{HERE},le="+Inf"}}': "0+1x4 15+10x26 276+60x40",
        },
        22,
        60,
        HERE,
    ),
    one(
        "TelewardenSourceDeaf",
        f"telewarden_session_sources_deaf{{{ALICE}}}",
        "0x4 1x19 0x20",
        fires=16,
        over=27,
        quiet=14,
    ),
    one(
        "TelewardenAccountFrozen",
        f"telewarden_session_account_frozen{{{ALICE}}}",
        "0x4 1x19 0x20",
        fires=6,
        over=26,
    ),
    one(
        "TelewardenForeignLogin",
        f"telewarden_session_foreign_logins_total{{{ALICE}}}",
        "0x4 1x120",
        fires=6,
        over=80,
    ),
    one(
        "TelewardenDiesUnused",
        f'telewarden_session_unused_deadline_timestamp_seconds{{{ALICE},what="login"}}',
        f"{LATER}x4 600000x19 {LATER}x20",
        fires=6,
        over=26,
    ),
    Case(
        "TelewardenLeaseLost",
        {
            f'telewarden_session_phase{{{ALICE},state="online"}}': "1x60",
            f'telewarden_session_lease_info{{{ALICE},state="held",pid="1",host="here"}}': (
                "1x4 stale _x18 1x30"
            ),
        },
        11,
        27,
    ),
    one(
        "TelewardenLayerDrift",
        f"telewarden_unreadable_objects_total{{{HERE}}}",
        "0x4 1x120",
        fires=6,
        over=80,
        labels=HERE,
    ),
    one(
        "TelewardenHealthStep",
        f'telewarden_health_steps_total{{{HERE},kind="disable",state="taken"}}',
        "0x4 1x120",
        fires=6,
        over=80,
        labels=f'{HERE},kind="disable",state="taken"',
    ),
    one(
        "TelewardenDeadLetters",
        f"telewarden_dead_letters_total{{{HERE}}}",
        "0x4 1x120",
        fires=6,
        over=80,
        labels=HERE,
    ),
    one("TelewardenGone", f"up{{{HERE}}}", "1x4 0x19 1x20", fires=8, over=27, labels=HERE),
    one(
        "TelewardenMonitorSilent",
        f"telewarden_overview_timestamp_seconds{{{HERE}}}",
        "0+60x4 240x19 1500+60x20",
        fires=9,
        over=27,
        labels=HERE,
    ),
    one(
        "TelewardenActorStuck",
        f'telewarden_child_stuck_total{{{HERE},kind="group"}}',
        "0x4 1x60",
        fires=6,
        over=25,
        labels=f'{HERE},kind="group"',
    ),
    one(
        "TelewardenActorAbandoned",
        f"telewarden_abandoned_children{{{HERE}}}",
        "0x4 1x60",
        fires=6,
        over=25,
        labels=HERE,
    ),
    one(
        "TelewardenLoopStalled",
        f"telewarden_loop_stalled_seconds_total{{{HERE}}}",
        "0x4 20x60",
        fires=6,
        over=25,
        labels=HERE,
    ),
    one(
        "TelewardenOutage",
        f'telewarden_waits{{{HERE},kind="outage"}}',
        "0x4 1x19 0x20",
        fires=11,
        over=27,
        labels=HERE,
    ),
    one(
        "TelewardenDiskRefuses",
        f'telewarden_waits{{{HERE},kind="disk"}}',
        "0x4 1x19 0x20",
        fires=6,
        over=26,
        labels=HERE,
    ),
    Case(
        "TelewardenDiskNearlyFull",
        {
            f"telewarden_storage_free_bytes{{{HERE}}}": "50x4 4x19 50x20",
            f"telewarden_storage_size_bytes{{{HERE}}}": "100x60",
        },
        11,
        27,
        HERE,
    ),
    one(
        "TelewardenBackupOld",
        f"telewarden_database_backup_age_seconds{{{HERE}}}",
        "9x4 200000x19 9x20",
        fires=6,
        over=26,
        labels=HERE,
    ),
)


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=50, check=False
    )


def firing(case: Case, minute: int, value: int) -> dict[str, Any]:
    """At ``minute`` so many alerts of the case's name and labels fire."""
    alerts = f'ALERTS{{alertname="{case.alert}",alertstate="firing",{case.labels}}}'
    return {
        "expr": f"count({alerts}) or vector(0)",
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": "{}", "value": value}],
    }


def unit_test(case: Case) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": told} for name, told in case.series.items()],
        "promql_expr_test": [
            firing(case, case.quiet, 0),
            firing(case, case.fires, 1),
            firing(case, case.over, 0),
        ],
    }


def test_every_alert_has_a_case() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))

    assert sorted(alerts) == sorted(case.alert for case in CASES)


def test_the_rules_are_read_without_a_warning() -> None:
    checked = promtool("check", "rules", "--lint-fatal", RULES)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(CASES)} rules found" in checked.stdout
    assert not checked.stderr


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for part in RULES.read_text(encoding="utf-8").split("- alert: ")[1:]:
        assert re.search(r"severity: (critical|warning)", part), part
        assert "summary: " in part, part
        assert "description: " in part, part


def test_what_an_alert_says_to_run_can_be_run() -> None:
    told = re.findall(r"`telewarden ([\w-]+)|`(pairs \w+)`", RULES.read_text(encoding="utf-8"))
    commands = {f"telewarden {one}" if one else f"telewarden {pairs}" for one, pairs in told}

    for command in sorted(commands):
        shown = CliRunner().invoke(app, [*command.split()[1:], "--help"])
        assert shown.exit_code == 0, command
    assert len(commands) >= 6


def test_each_alert_fires_and_resolves(tmp_path: Path) -> None:
    tests = {"rule_files": [str(RULES)], "tests": [unit_test(case) for case in CASES]}
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps(tests), encoding="utf-8")

    went = promtool("test", "rules", file)

    assert went.returncode == 0, went.stdout + went.stderr

"""Nothing is forgotten: each rule S1 to S30, and each of OTP's portable cases, has a test.

A rule's number leads to the page of the rules, and the page to modules and tests that exist.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from telewarden import supervision

pytestmark = pytest.mark.supervision

ROOM = Path(supervision.__path__[0])
PAGE = Path(__file__).parents[2] / "docs" / "supervision-rules.md"
NUMBER = re.compile(r"\bS([1-9][0-9]?)\b")  # three digits are ruff's

CASES = """
sup_start_normal sup_start_ignore_init sup_start_ignore_child sup_start_ignore_temporary_child
sup_start_ignore_temporary_child_start_child sup_start_ignore_temporary_child_start_child_simple
sup_start_ignore_permanent_child_start_child_simple sup_start_error_return sup_start_fail
sup_start_child_returns_error sup_start_child_returns_error_simple
sup_start_restart_child_returns_error sup_start_map sup_start_map_simple sup_start_map_faulty_specs
sup_stop_infinity sup_stop_timeout sup_stop_timeout_dynamic sup_stop_brutal_kill
sup_stop_brutal_kill_dynamic sup_stop_race sup_stop_non_shutdown_exit_dynamic
child_adm child_adm_simple extra_return child_specs child_specs_map sup_flags which_children
which_children_simple_one_for_one count_children count_children_supervisor
count_restarting_children already_started_outside_supervisor
permanent_normal permanent_shutdown permanent_abnormal transient_normal transient_shutdown
transient_abnormal temporary_normal temporary_shutdown temporary_abnormal temporary_bystander
faulty_application_shutdown external_start_no_progress_log
multiple_restarts one_for_one one_for_one_escalation one_for_all one_for_all_escalation
one_for_all_other_child_fails_restart rest_for_one rest_for_one_escalation
rest_for_one_other_child_fails_restart simple_one_for_one simple_one_for_one_extra
simple_one_for_one_escalation simple_one_for_one_shutdown simple_one_for_one_restart_ignore
simple_one_for_one_corruption order_of_children tree
child_unlink hanging_restart_loop hanging_restart_loop_rest_for_one hanging_restart_loop_simple
simple_global_supervisor do_not_save_start_parameters_for_temporary_children
do_not_save_child_specs_for_temporary_children simple_one_for_one_scale_many_temporary_children
scale_start_stop_many_children
nonsignificant_temporary nonsignificant_transient significant_temporary significant_transient
significant_simple significant_bystander significant_escalation
"""
"""Of the 93 cases in OTP's ``supervisor_SUITE`` the ones that do not need Erlang itself."""


def names(pattern: str) -> set[str]:
    """The names of all tests in the files beside this one that match."""
    return {
        node.name.removeprefix("test_")
        for path in Path(__file__).parent.glob(pattern)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_every_portable_case_of_otp_is_there_under_its_name() -> None:
    cases = CASES.split()
    assert len(cases) == len(set(cases)) == 79
    assert set(cases) - names("test_otp_*.py") == set()


def rules() -> dict[int, str]:
    """The text below each rule's heading."""
    parts = re.split(r"^### S(\d+) .+$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))


def test_every_rule_has_a_test_that_names_it() -> None:
    words = {word for name in names("test_*.py") for word in name.split("_")}

    assert {f"s{number}" for number in rules()} - words == set()


def test_the_page_has_each_rule_once_and_in_order() -> None:
    assert list(rules()) == list(range(1, 31))


def test_every_number_of_a_rule_leads_to_the_page() -> None:
    known = rules()
    quoted = {
        (path.name, int(number))
        for folder in (ROOM, Path(__file__).parent)
        for path in folder.rglob("*.py")
        for number in NUMBER.findall(path.read_text(encoding="utf-8"))
    }

    assert {number for _, number in quoted}  # they are quoted at all
    assert {(path, number) for path, number in quoted if number not in known} == set()


@pytest.mark.parametrize("number", range(1, 31), ids="S{}".format)
def test_a_rule_names_modules_and_tests_that_exist(number: int) -> None:
    text = rules()[number]
    modules, tests = re.findall(r"`(\w+/\w+\.py)`", text), re.findall(r"`test_(\w+)`", text)

    assert modules
    assert [module for module in modules if not (ROOM / module).is_file()] == []
    assert any(f"s{number}" in test.split("_") for test in tests)
    assert set(tests) - names("test_*.py") == set()

"""The page in a browser: what is seen of a running warden."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from telewarden.errors import DrillError
from telewarden.loopback import Fault, FloodWait
from telewarden.metrics.day import Day, Totals

from .conftest import BOB, LOOKER, Opens, Shown, needs_chromium
from .locators import row, see

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.console, pytest.mark.checkout, needs_chromium]

VIEWS = (
    "overview",
    "alerts",
    "sessions",
    "session/alice",
    "pairs",
    "dead",
    "operations",
    "tree",
    "activity",
    "audit",
)
SESSION = "sessions/session:alice/session"


# Who may look


def test_who_has_no_token_sees_nothing(opens: Opens) -> None:
    page = opens(secret="")

    page.get_by_label("Token").fill("a-token-that-nobody-was-given")
    page.get_by_role("button", name="Log in").click()

    page.locator("#gate [role=alert]").wait_for()
    assert not page.locator("#main").is_visible()


def test_a_login_lasts_over_a_reload_and_ends_with_a_logout(opens: Opens) -> None:
    page = opens(fresh=True)

    page.reload()
    see(page.locator("#who"), "ann · Operator")
    page.get_by_role("button", name="Log out").click()

    page.get_by_label("Token").wait_for()


def test_who_may_only_look_is_offered_nothing_and_refused_everything(
    shown: Shown, opens: Opens
) -> None:
    page = opens(LOOKER, "session/alice")

    see(page.locator("#who"), "eve · Read-only")
    see(page.locator("#view"), "Connected, and Telegram answers.")
    assert page.locator("#view").get_by_role("button", name="Restart").count() == 0
    page.goto(f"{shown.url}/#/pairs")
    row(page, "g-pairs", "@news_in").wait_for()
    assert page.locator("#view").get_by_role("button", name=re.compile("Pause")).count() == 0
    refusal = page.evaluate(
        """async () => {
            const me = await (await fetch("api/me")).json();
            const answer = await fetch("api/commands/pairs-pause", {
                method: "POST", body: JSON.stringify({ pair: 1 }),
                headers: { "content-type": "application/json", "x-csrf-token": me.csrf } });
            return [answer.status, (await answer.json()).error.type];
        }"""
    )
    assert refusal == [403, "ReadOnly"]


# What is seen


def test_the_overview_tells_how_the_sessions_are(opens: Opens) -> None:
    page = opens()

    see(page.locator(".verdict"), "All 2 sessions are online.")
    see(page.locator("#view"), "Nothing needs you.")
    assert page.title() == "2/2 · Overview · Telewarden"


@pytest.mark.crashes("*:alice/session", DrillError)
def test_a_crash_and_its_recovery_appear_in_the_tree(shown: Shown, opens: Opens) -> None:
    page = opens(view="tree")
    line = page.locator(f".line[data-path='{SESSION}']")
    page.get_by_label("Parts of sessions/session:alice", exact=True).click()
    line.wait_for()

    shown.warden.run(shown.warden.drill(SESSION))

    see(line, "crashed and back,")
    see(line, "restart")
    page.locator("#menu").get_by_text("What happened").click()
    see(page.locator(".facts"), f"{SESSION}: failed after")


def test_updates_can_be_stopped_and_resumed(shown: Shown, opens: Opens) -> None:
    page = opens(view="pairs")
    paused = row(page, "g-pairs", "@talk_in").get_by_text("Paused", exact=True)
    page.get_by_role("button", name="Stop updates").click()
    see(page.locator("#live"), "Stopped")

    shown.order("pairs pause", pair=2, reason="a test")
    before = paused.count()
    page.get_by_role("button", name="Resume updates").click()

    paused.wait_for()
    assert before == 0
    shown.order("pairs resume", pair=2)
    paused.wait_for(state="detached")


def test_filters_stand_in_the_address(opens: Opens) -> None:
    page = opens(view="sessions")

    page.get_by_label("Find a session or reason").fill("bob")
    row(page, "g-sessions", "alice").wait_for(state="detached")
    page.reload()

    row(page, "g-sessions", "bob").wait_for()
    assert page.url.endswith("#/sessions?find=bob")
    assert row(page, "g-sessions", "alice").count() == 0
    page.get_by_label("State").select_option("ailing")
    see(page.locator("#view"), "No session is like that.")


def test_texts_are_in_the_readers_language(opens: Opens) -> None:
    page = opens(view="session/alice", locale="vi-VN")

    see(page.locator("#menu"), "Tổng quan")
    see(page.locator("#view"), "Đã kết nối và Telegram có trả lời.")


def a_day_of(*online: int) -> Day:
    day, now = Day(), time.time()
    for minute, sessions in enumerate((*online, 0)):  # a minute is whole when the next begins
        day.look(now + 60 * minute, Totals(online=sessions, restarts=7))
    return day


def test_the_day_is_drawn_and_its_span_stands_in_the_address(shown: Shown, opens: Opens) -> None:
    exporter = shown.warden.exporter
    exporter.day = a_day_of(2, 2)  # in one step: the warden goes on looking
    page = opens()
    page.get_by_role("img", name=re.compile(r"Sessions online: 2, least 2")).wait_for()

    exporter.day = a_day_of(2, 2, 1)

    page.get_by_role("img", name=re.compile(r"Sessions online: 1, least 1")).wait_for()
    page.get_by_role("button", name="1 h").click()
    assert page.url.endswith("#/overview?minutes=60")
    assert page.get_by_role("button", name="1 h").get_attribute("aria-pressed") == "true"


def test_a_flood_wait_is_shown_with_its_clock_and_with_what_it_holds_up(
    shown: Shown, opens: Opens
) -> None:
    page = opens()
    shown.telegram.faults.add(
        Fault(
            method="messages.forwardMessages",
            account=shown.account(BOB),  # alice is to go on
            times=1,
            action=FloodWait(600),
        )
    )

    shown.post("bob_in", "it waits")

    see(page.locator(".floods li", has_text="bob"), "9:5")
    page.goto(f"{shown.url}/#/pairs?state=waiting")
    held = row(page, "g-pairs", "@bob_in")
    see(held, "Flood wait")
    see(held.locator(".wait", has_text="flood wait"), "left")


def test_what_a_worker_group_has_is_said_in_the_rows_of_its_pairs(opens: Opens) -> None:
    page = opens(view="pairs")

    page.evaluate(
        """async () => {
          const script = document.querySelector("script[src]").src;
          const { state } = await import(new URL("store.js", script));
          const { session, group } = state.pairs[1];
          state.verdicts[`${session}/${group}`] = { session, group, health: "unhealthy", since: 1,
            why: [{ pairs: ["1"], text: "nothing goes" }], reason: "stalled" };
          location.hash = "#/pairs?find=alice";
        }"""
    )

    ill = row(page, "g-pairs", "@news_in")
    see(ill, "nothing goes")
    see(ill.locator(".todo"), "recover the session.")
    see(ill.locator(".badge"), "Unwell")
    see(row(page, "g-pairs", "@talk_in").locator(".badge"), "Active")


def test_a_table_of_many_rows_has_all_of_them_and_those_on_the_screen_first(opens: Opens) -> None:
    page = opens()

    counts = page.evaluate(
        """async () => {
          const script = document.querySelector("script[src]").src;
          const { grid } = await import(new URL("grid.js", script));
          const rows = [...Array(500).keys()].map((key) => ({ key }));
          const table = grid({ label: "", kind: "", empty: "", key: (one) => one.key,
            columns: [{ name: "a", title: "A" }],
            fill: (cells, one) => (cells.a.textContent = one.key) });
          const count = () => table.node.querySelectorAll(".body > .row").length;
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          table.show(rows);
          const found = [count()];
          await frame(); await frame();
          found.push(count());
          table.show([]);
          table.show(rows);
          table.show(rows.slice(0, 3));
          await frame(); await frame();
          return [...found, count()];
        }"""
    )

    assert counts == [60, 500, 3]


# For everybody


def visit(page: Page, view: str) -> None:
    page.evaluate("view => { location.hash = `#/${view}`; }", view)
    page.locator("#view > *").first.wait_for()


@pytest.mark.parametrize(
    ("scheme", "rules"), [("light", None), ("dark", ["color-contrast"])], ids=["light", "dark"]
)
def test_no_view_shuts_anybody_out(
    opens: Opens, axe: str, scheme: str, rules: list[str] | None
) -> None:
    page = opens(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(f"{axe}\n;0")
    found: dict[str, Any] = {}

    for view in VIEWS:
        visit(page, view)
        found[view] = page.evaluate(
            "rules => axe.run(rules ? { runOnly: rules } : {}).then(({ violations }) =>"
            " violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))",
            rules,
        )

    assert found == {view: [] for view in VIEWS}


def test_a_question_shuts_nobody_out(opens: Opens, axe: str) -> None:
    page = opens(view="pairs", reduced_motion="reduce")
    row(page, "g-pairs", "@news_in").get_by_role("button", name="Pause pair 1").click()
    page.get_by_role("dialog").wait_for()
    page.evaluate(f"{axe}\n;0")

    violations = page.evaluate("axe.run().then((all) => all.violations.map(({ id }) => id))")

    assert violations == []


def test_nothing_is_wider_than_a_phone_nor_lost_on_a_wall(shown: Shown, opens: Opens) -> None:
    page = opens()
    shown.order("pairs pause", pair=2, reason="wait-" * 30)
    page.locator("#menu [data-view=pairs] .count").wait_for()  # the menu counts it
    widths = {}

    for width in (360, 2000):
        page.set_viewport_size({"width": width, "height": 740})
        for view in VIEWS:
            visit(page, view)
            widths[width, view] = page.evaluate("document.documentElement.scrollWidth")
    shown.order("pairs resume", pair=2)

    assert widths == {(width, view): width for width in (360, 2000) for view in VIEWS}


def test_the_first_key_leads_past_the_menu(opens: Opens) -> None:
    page = opens()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

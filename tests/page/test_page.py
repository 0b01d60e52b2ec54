"""The page in a browser: what an operator sees of a running warden, and does to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from telewarden.errors import DrillError

from .conftest import BOB, CODE, LOOKER, Opens, Shown, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.console, pytest.mark.checkout, needs_chromium]

VIEWS = (
    "overview",
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


def row(page: Page, kind: str, text: str) -> Locator:
    """A row of one of the tables."""
    return page.locator(f".{kind} .body > .row", has_text=text)


def see(where: Locator, text: str) -> None:
    """Wait until a text is there."""
    where.get_by_text(text).first.wait_for()


def answer(page: Page, action: str) -> None:
    """Say yes to what is asked, and wait until it is done."""
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()
    page.get_by_role("dialog").wait_for(state="detached")


# Who may look


def test_who_has_no_token_sees_nothing(opens: Opens) -> None:
    page = opens(secret="")

    page.get_by_label("Token").fill("a-token-that-nobody-was-given")
    page.get_by_role("button", name="Log in").click()

    page.locator("#gate [role=alert]").wait_for()
    assert not page.locator("#main").is_visible()


def test_a_login_lasts_over_a_reload_and_ends_with_a_logout(opens: Opens) -> None:
    page = opens()

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

    shown.warden.run(shown.warden.command("pairs pause", {"pair": 2, "reason": "a test"}))
    before = paused.count()
    page.get_by_role("button", name="Resume updates").click()

    paused.wait_for()
    assert before == 0
    shown.warden.run(shown.warden.command("pairs resume", {"pair": 2}))
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


# What an operator does


def test_a_pair_is_paused_with_a_reason_and_an_end_and_resumed(opens: Opens) -> None:
    page = opens(view="pairs")
    pair = row(page, "g-pairs", "@news_in")

    pair.get_by_role("button", name="Pause pair 1").click()
    page.get_by_label("Reason").fill("the channel moves")
    page.get_by_label("How long").select_option("1h")
    answer(page, "Pause")

    see(pair, "the channel moves, until")
    pair.get_by_role("button", name="Resume pair 1").click()
    answer(page, "Resume")
    see(pair, "Active")


@pytest.mark.crashes("*:alice/session", DrillError)
def test_a_session_is_restarted_after_a_question(opens: Opens) -> None:
    page = opens(view="session/alice")

    page.get_by_role("group", name="Actions").get_by_role("button", name="Restart").click()
    see(page.get_by_role("dialog"), "Restart alice?")
    answer(page, "Restart")

    see(page.locator(".toasts"), "alice restarts.")
    see(page.locator(".tree"), "crashed and back,")
    see(page.locator(".timeline"), "failed after")


def test_an_account_is_logged_in_by_a_qr_code(shown: Shown, opens: Opens) -> None:
    page = opens(view="session/bob")
    shown.telegram.revoke(shown.account(BOB))
    see(page.locator(".one-head"), "Needs login")
    see(page.locator(".todo"), "Log in again.")

    page.get_by_role("group", name="Actions").get_by_role("button", name="Log in").click()
    with page.expect_response("**/api/commands/login") as asked:
        page.get_by_role("button", name="Show a QR code").click()
    code = asked.value.json()["qr"]
    drawn = page.get_by_role("img", name="QR code").locator("path").get_attribute("d")
    shown.telegram.scan_qr(shown.account(BOB), code["url"])

    see(page.locator(".toasts"), "bob is logged in.")
    see(page.locator(".one-head"), "Online")
    assert drawn is not None
    assert drawn.count("M") == sum(line.count("1") for line in code["rows"])


def test_an_account_is_logged_in_by_a_code(shown: Shown, opens: Opens) -> None:
    page = opens(view="sessions")
    shown.telegram.revoke(shown.account(BOB))

    row(page, "g-sessions", "bob").get_by_role("button", name="Log in bob").click()
    page.get_by_role("button", name="Send a login code").click()
    page.get_by_label("Login code").fill("00000")
    page.get_by_role("dialog").get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("dialog").get_by_role("alert").wait_for()
    page.get_by_label("Login code").fill(CODE)
    page.get_by_role("dialog").get_by_role("button", name="Log in", exact=True).click()

    see(page.locator(".toasts"), "bob is logged in.")
    see(row(page, "g-sessions", "bob"), "Online")


def test_a_dialog_gives_the_focus_back(opens: Opens) -> None:
    page = opens(view="pairs")
    opener = row(page, "g-pairs", "@news_in").get_by_role("button", name="Pause pair 1")
    opener.focus()

    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")

    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Pause pair 1"


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_shuts_anybody_out(opens: Opens, axe: str, scheme: str) -> None:
    page = opens(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(f"{axe}\n;0")
    found: dict[str, Any] = {}

    for view in VIEWS:
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        page.locator("#view > *").first.wait_for()
        found[view] = page.evaluate(
            "axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>"
            " [id, ...nodes.map(({ html }) => html)]))"
        )

    assert found == {view: [] for view in VIEWS}


def test_a_question_shuts_nobody_out(opens: Opens, axe: str) -> None:
    page = opens(view="pairs", reduced_motion="reduce")
    row(page, "g-pairs", "@news_in").get_by_role("button", name="Pause pair 1").click()
    page.get_by_role("dialog").wait_for()
    page.evaluate(f"{axe}\n;0")

    violations = page.evaluate("axe.run().then((all) => all.violations.map(({ id }) => id))")

    assert violations == []


def test_nothing_is_wider_than_a_phone(shown: Shown, opens: Opens) -> None:
    page = opens(viewport={"width": 360, "height": 740})
    shown.warden.run(shown.warden.command("pairs pause", {"pair": 2, "reason": "wait-" * 30}))
    page.locator("#menu [data-view=pairs] .count").wait_for()  # the menu counts it
    widths = {}

    for view in VIEWS:
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        page.locator("#view > *").first.wait_for()
        widths[view] = page.evaluate("document.documentElement.scrollWidth")
    shown.warden.run(shown.warden.command("pairs resume", {"pair": 2}))

    assert widths == dict.fromkeys(VIEWS, 360)

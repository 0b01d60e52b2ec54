"""What an operator does on the page, and what becomes of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from telewarden.errors import DrillError
from telewarden.loopback import Fault, RpcError

from .conftest import ALICE, BOB, CODE, LOOKER, PASSWORD, Opens, Shown, needs_chromium
from .locators import answer, row, see

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.console, pytest.mark.checkout, needs_chromium]

SECRET = "what was said in the channel"


def type_into(dialog: Locator, label: str, text: str, action: str = "Log in") -> None:
    dialog.get_by_label(label).fill(text)
    dialog.get_by_role("button", name=action, exact=True).click()


def test_a_pair_is_paused_with_a_reason_and_an_end_by_keyboard_alone(opens: Opens) -> None:
    page = opens(view="pairs")
    pair = row(page, "g-pairs", "@news_in")
    keys = page.keyboard

    pair.get_by_role("button", name="Pause pair 1").focus()
    keys.press("Enter")
    page.get_by_label("Reason").focus()
    keys.type("the channel moves")
    keys.press("Tab")
    keys.press("ArrowDown")  # 15 minutes
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")

    see(pair, "the channel moves, until")
    see(page.locator(".toasts"), "Pair 1 is paused.")
    assert page.get_by_role("dialog").count() == 0
    pair.get_by_role("button", name="Resume pair 1").click()
    answer(page, "Resume")
    see(pair, "Active")
    page.goto(page.url.replace("#/pairs", "#/audit?who=page:%20ann&subject=pair%201"))
    see(row(page, "g-audit", "resume pair"), "page: ann")
    see(row(page, "g-audit", "pause pair"), "paused: paused by hand: the channel moves")
    assert row(page, "g-audit", "page login").count() == 0


@pytest.mark.crashes("*:alice/session", DrillError)
def test_a_session_is_restarted_after_a_question(opens: Opens) -> None:
    page = opens(view="session/alice")

    page.get_by_role("group", name="Actions").get_by_role("button", name="Restart").click()
    see(page.get_by_role("dialog"), "Restart alice?")
    answer(page, "Restart")

    see(page.locator(".toasts"), "alice restarts.")
    see(page.locator(".tree"), "crashed and back,")
    see(page.locator(".timeline"), "failed after")


def asks_for_a_qr_code(response: Any) -> bool:
    asked = response.request.post_data or ""
    return response.url.endswith("/api/commands/login") and '"qr"' in asked


def test_a_login_that_ended_is_an_alert_and_is_made_anew_by_a_qr_code_and_the_password(
    shown: Shown, opens: Opens
) -> None:
    page = opens(view="alerts")
    shown.telegram.revoke(shown.account(BOB))
    alert = page.locator(".need", has_text="KeyLatched")
    see(alert, "Telegram ended it for good")

    alert.get_by_role("button", name="Silence KeyLatched:bob").click()
    answer(page, "Silence")
    page.get_by_role("button", name="Tell of KeyLatched:bob again").click()
    answer(page, "Tell again")
    see(page.locator("#view"), "Nothing is silenced.")

    alert.get_by_role("link", name="bob").click()
    see(page.locator(".todo"), "Log in again.")
    verdict = page.get_by_role("list", name="Health monitor").get_by_role("listitem")
    see(verdict, "Login ended")
    see(verdict, "the session")
    see(verdict, "Done about it: pairs disabled")
    page.get_by_role("group", name="Actions").get_by_role("button", name="Log in").click()
    with page.expect_response(asks_for_a_qr_code) as asked:  # a look at the login may come before
        page.get_by_role("button", name="Show a QR code").click()
    code = asked.value.json()["qr"]
    drawn = page.get_by_role("img", name="QR code").locator("path").get_attribute("d")
    shown.telegram.scan_qr(shown.account(BOB), code["url"])
    type_into(page.get_by_role("dialog"), "Cloud password", PASSWORD)

    see(page.locator(".toasts"), "bob is logged in.")
    see(page.locator(".one-head"), "Online")
    verdict.wait_for(state="detached")
    assert drawn is not None
    assert drawn.count("M") == sum(line.count("1") for line in code["rows"])


def test_an_account_is_logged_in_by_an_e_mail_address_codes_and_the_password(
    shown: Shown, opens: Opens
) -> None:
    page = opens(view="sessions")
    shown.telegram.send_codes_by(shown.account(BOB), "setup_email", "email")
    shown.telegram.revoke(shown.account(BOB))
    dialog = page.get_by_role("dialog")

    row(page, "g-sessions", "bob").get_by_role("button", name="Log in bob").click()
    page.get_by_role("button", name="Send a login code").click()
    type_into(dialog, "E-mail address", "bob@example.org", "Send a code")
    type_into(dialog, "Login code", "00000")
    dialog.get_by_role("alert").wait_for()
    type_into(dialog, "Login code", CODE)
    with page.expect_response("**/api/commands/login"):
        type_into(dialog, "Login code", CODE)
    type_into(dialog, "Cloud password", "wrong horse")
    dialog.get_by_role("alert").wait_for()
    type_into(dialog, "Cloud password", PASSWORD)

    see(page.locator(".toasts"), "bob is logged in.")
    see(row(page, "g-sessions", "bob"), "Online")
    assert shown.account(BOB).login_email == "bob@example.org"


def put_aside(shown: Shown, page: Page, *texts: str) -> None:
    """Have messages of the pair 1 refused for good."""
    shown.telegram.faults.add(
        Fault(
            method="messages.forwardMessages",
            account=shown.account(ALICE),  # bob may have something to send that has waited
            times=len(texts),
            action=RpcError("MESSAGE_ID_INVALID"),
        )
    )
    for text in texts:
        shown.post("news_in", text)
        page.wait_for_function(
            "count => document.querySelectorAll('.g-dead .body > .row').length === count",
            arg=texts.index(text) + 1,
        )


def test_dead_letters_are_read_sent_again_and_dropped(
    shown: Shown, opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page, eves = opens(view="dead"), opens(LOOKER, "dead")
    put_aside(shown, page, SECRET, "the second")
    first = page.locator(".g-dead .body > .row").first

    first.get_by_role("button", name="Read message").click()
    see(page.get_by_role("dialog"), SECRET)
    assert page.get_by_role("link", name="Open it in Telegram").get_attribute("href") is not None
    page.keyboard.press("Escape")
    see(eves.locator(".g-dead"), "MESSAGE_ID_INVALID")
    assert eves.locator("#view").get_by_role("button", name="Read message").count() == 0
    first.get_by_role("button", name="Send message").click()
    answer(page, "Send again")
    page.get_by_label("Choose all that are shown").check()
    page.get_by_role("group", name="With those").get_by_role("button", name="Drop").click()
    answer(page, "Drop")

    see(page.locator("#view"), "No dead letter.")
    see(eves.locator("#view"), "No dead letter.")
    assert SECRET not in caplog.text


def test_an_operation_is_shown_with_how_far_it_is(shown: Shown, opens: Opens) -> None:
    page = opens(view="operations?find=migration")
    begun = shown.order("operations begin", kind="migration", steps=4, description="counting")
    bar = page.get_by_role("progressbar")

    see(page.locator("#view"), "0 of 4")
    shown.order("operations advance", id=begun.id, step=3, description="copying")
    see(page.locator("#view"), "3 of 4")
    see(page.locator("#view"), "copying")
    assert bar.evaluate("bar => bar.value") == 0.75
    shown.order("operations end", id=begun.id, state="finished")
    see(row(page, "g-operations", "migration"), "finished")
    assert bar.count() == 0


def test_a_dialog_gives_the_focus_back(opens: Opens) -> None:
    page = opens(view="pairs")
    opener = row(page, "g-pairs", "@news_in").get_by_role("button", name="Pause pair 1")
    opener.focus()

    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")

    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Pause pair 1"

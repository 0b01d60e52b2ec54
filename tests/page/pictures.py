"""The pictures of the page in docs/page.md: ``python -m tests.page.pictures`` takes them anew.

A warden on a loopback data centre is brought into the states that an operator has to read.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, sync_playwright

from telewarden import Warden, parse_config

from .conftest import CHROMIUM, OPERATOR, PRESS, QUIET, SOON, TABLES

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
NAMES: Final = ("alice", "bob", "carol", "dave", "erin")
PHONES: Final = {name: f"+99966200{number:02d}" for number, name in enumerate(NAMES, 1)}
PAIRS: Final = {
    1: ("alice", "news"),
    2: ("alice", "talk"),
    3: ("dave", "deals"),
    4: ("erin", "art"),
}
SHOTS: Final[
    tuple[tuple[str, str, int, int, Literal["dark", "light"]], ...]
] = (  # name, view, width, height, scheme
    ("page-overview", "overview", 1280, 860, "light"),
    ("page-tree", "tree", 1280, 620, "dark"),
    ("page-phone", "session/bob", 360, 640, "light"),
)


def tables() -> dict[str, Any]:
    chats = [
        chat
        for session, about in PAIRS.values()
        for chat in (
            {"username": f"{about}_in", "title": about, "owner": "press", "members": [session]},
            {"username": f"{about}_out", "title": about, "owner": session},
        )
    ]
    accounts = [{"name": name, "phone": phone} for name, phone in PHONES.items()]
    return TABLES | {
        "sessions": [{"name": name, "phone": phone} for name, phone in PHONES.items()],
        "pairs": [
            {"id": number, "session": name, "source": f"@{about}_in", "target": f"@{about}_out"}
            for number, (name, about) in PAIRS.items()
        ],
        "loopback": {"accounts": [*accounts, {"name": "press", "phone": PRESS}], "chats": chats},
    }


def take(warden: Warden, browser: Browser) -> None:
    standin = warden.standin
    assert standin is not None
    assert standin.telegram is not None
    revoked = standin.telegram.account(PHONES["bob"])
    assert revoked is not None
    page = browser.new_page()
    page.set_default_timeout(SOON)
    page.goto(f"http://127.0.0.1:{warden.port}/")
    page.get_by_label("Token").fill(OPERATOR)
    page.keyboard.press("Enter")
    page.get_by_text(f"All {len(NAMES)} sessions are online.").wait_for()
    standin.telegram.revoke(revoked)
    pause = {"pair": 2, "reason": "the channel moves on Monday", "seconds": "8h"}
    warden.run(warden.command("pairs pause", pause, who="ann"))
    warden.run(warden.drill("sessions/session:dave/session"))
    page.get_by_text("crashed and back,").first.wait_for()
    page.get_by_text("the channel moves on Monday").first.wait_for()
    for name, view, width, height, scheme in SHOTS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        page.locator("#view > *").first.wait_for()
        if view == "tree":
            page.get_by_label("Parts of sessions/session:bob", exact=True).click()
        page.wait_for_timeout(500)  # a picture may wait until clocks and charts are drawn
        page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        with Warden(parse_config(tables(), base=Path(folder))) as warden:
            take(warden, browser)
        browser.close()


if __name__ == "__main__":
    main()

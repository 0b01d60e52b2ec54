"""When a browser that opens the page of a thousand sessions has painted all of them.

A console with a real tree of four children a session serves the page from a process of its own;
headless Chromium opens it with an empty cache, again and again. ``page`` is the table of sessions,
``overview`` what the page begins with, ``plain`` a file with the same rows and columns as one HTML
table, served on the loopback as well: what the browser needs for that many rows in any case.

Measured, in milliseconds after the address was asked for: ``first_ms``, when the first row is
painted, ``all_ms``, when all are, ``again_ms``, when all are after a reload, and ``kib``, what was
sent. Each frame it is looked whether they are there.

usage: python benchmarks/page_first_paint.py [--reps 3] [--children 1000] [--how free]
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import multiprocessing
import shutil
import statistics
from multiprocessing.connection import Connection
from typing import Any

from page_updates import Panel, console
from playwright.sync_api import Browser, sync_playwright
from side_by_side import Aim, Cases, Figures, main

OPENED = 5  # times; the first one starts the browser's processes and is not counted
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
COLUMNS = ("State", "Session", "Why", "Since", "Goes on in", "Answers in", "Recovered", "Waiting")
WATCH = """
({ such, many }) => {
  const painted = (count) => new Promise((done) => {
    const look = () => {
      if (document.querySelectorAll(such).length < count) return requestAnimationFrame(look);
      requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    };
    requestAnimationFrame(look);
  });
  window.somePainted = painted(1);
  window.allPainted = painted(many);
}
"""
SUCH = {
    "page": ("#/sessions", ".g-sessions .body > .row"),
    "overview": ("", ".verdict:not(:empty) ~ .phases > li"),
    "plain": ("", "tbody > tr"),
}


def plain_table(panel: Panel) -> bytes:
    """The rows as one would write them without a script."""
    rows = "".join(
        f"<tr><td>Online</td><td><a href='#/session/{one.session}'>{html.escape(one.session)}</a>"
        f"</td><td>{one.reason}</td><td>{one.since:.0f}</td><td></td><td>{one.probe_seconds} s</td>"
        "<td></td><td></td></tr>\n"
        for one in panel.sessions
    )
    head = "".join(f"<th>{one}</th>" for one in COLUMNS)
    style = "<style>body{font:14px system-ui}td{padding:.4rem .9rem}</style>"
    return (
        f"<!doctype html><meta charset=utf-8><title>Sessions</title>{style}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    ).encode()


async def serve_plain(body: bytes) -> asyncio.Server:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: "

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def served(way: str, count: int, line: Connection) -> None:
    """Tell the port, and serve until the other end is closed."""
    panel = Panel(count)
    over = asyncio.get_running_loop().run_in_executor
    if way == "plain":
        async with await serve_plain(plain_table(panel)) as server:
            line.send(server.sockets[0].getsockname()[1])
            await over(None, line.poll, None)
        return
    async with console(panel, count) as port:
        line.send(port)
        await over(None, line.poll, None)


def serve(way: str, count: int, line: Connection) -> None:
    asyncio.run(served(way, count, line))


def opened(browser: Browser, address: str, such: str, many: int) -> Figures:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    sent: list[int] = []
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on("Network.loadingFinished", lambda part: sent.append(part["encodedDataLength"]))
    page.add_init_script(f"({WATCH})({json.dumps({'such': such, 'many': many})})")
    page.goto(address, wait_until="commit")
    found: dict[str, Any] = page.evaluate(
        "async () => ({ first_ms: await window.somePainted, all_ms: await window.allPainted })"
    )
    first = sum(sent) / 1024
    page.reload(wait_until="commit")
    found["again_ms"] = page.evaluate("() => window.allPainted")
    context.close()
    return {**found, "kib": first}


def measured(way: str, count: int) -> Figures:
    place, such = SUCH[way]
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(way, count, theirs))
    server.start()
    port = ours.recv()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(QUIET)
        )
        address = f"http://127.0.0.1:{port}/{place}"
        many = 1 if way == "overview" else count
        found = [opened(browser, address, such, many) for _ in range(OPENED)][1:]
        browser.close()
    ours.send("over")
    server.join(10)
    server.kill()
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def cases(arguments: argparse.Namespace) -> Cases:
    count = arguments.children
    return {way: lambda way=way: measured(way, count) for way in SUCH}


AIMS = (
    Aim("page", "all_ms", "<=", 1000.0),
    Aim("overview", "all_ms", "<=", 1000.0),
    Aim("page", "all_ms", "<=", 4.0, beside="plain"),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS, children=1_000)

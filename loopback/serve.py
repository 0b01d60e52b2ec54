"""The data centre as a program: the body of ``telewarden loopback serve``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import LoopbackStateError, StorageNotWritableError
from .control_port import ControlPort
from .control_routes import ControlError, Controls
from .server import LoopbackTelegram


def serve(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    pubkey: Path | None = None,
    code: str | None = "22222",
    state: Path | None = None,
    control: int | None = None,
    scenario: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run a data centre until SIGTERM or SIGINT; the exit code is 0.

    Prints one line when it is ready: port, data centre, key file and control port.

    Args:
        port: the port; 0 for any free one.
        host: the address to listen on.
        pubkey: where to write the public key, which clients must trust.
        code: the login code everybody is sent; None for a fresh one each time.
        state: a file that keeps everything from one run to the next.
        control: the control port; 0 for any free one, None for no such port.
        scenario: a JSON file with the first accounts and chats; what there is already stays.
        say: prints the line; to standard output when left out.

    Raises:
        ListenError: a port is taken.
        StorageNotWritableError: the key file cannot be written.
        LoopbackStateError: the state or scenario file cannot be used.
    """
    telegram = LoopbackTelegram(host, port, code=code, state=state)
    if scenario is not None:
        _set_up(telegram, scenario)
    if pubkey is not None:
        _write_key(pubkey, telegram.pem)
    return asyncio.run(_run(telegram, control, pubkey, say or _print))


async def _run(
    telegram: LoopbackTelegram,
    control: int | None,
    pubkey: Path | None,
    say: Callable[[str], None],
) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:  # as with nohup
            continue
        loop.add_signal_handler(number, ended.set)
    async with telegram, contextlib.AsyncExitStack() as stack:
        line = f"loopback Telegram ready: port={telegram.port} dc={telegram.dc_id}"
        if pubkey is not None:
            line += f" pubkey={pubkey}"
        if control is not None:
            steering = ControlPort(telegram, telegram.host, control)
            await steering.start()
            stack.push_async_callback(steering.stop)
            line += f" control={steering.port}"
        say(line)
        await ended.wait()
    return 0


def _write_key(path: Path, pem: str) -> None:
    try:
        path.write_text(pem)
    except OSError as error:
        raise StorageNotWritableError(path, (error.strerror or str(error)).lower()) from error


def _set_up(telegram: LoopbackTelegram, path: Path) -> None:
    """Make the accounts, bots and chats of a scenario that are not there yet."""
    controls = Controls(telegram)
    try:
        wanted: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())
        for account in wanted.get("accounts", []):
            if telegram.account(account.get("phone", "")) is None:
                controls.add_account(account)
        names = {account.username for account in telegram.accounts}
        for bot in wanted.get("bots", []):
            if bot.get("username") not in names:
                controls.add_bot(bot)
        titles = {chat.title for chat in telegram.chats}
        for chat in wanted.get("chats", []):
            if chat.get("title") not in titles:
                controls.add_chat(chat)
    except OSError as error:
        raise LoopbackStateError(path, (error.strerror or str(error)).lower()) from error
    except (ControlError, ValueError, AttributeError) as error:
        raise LoopbackStateError(path, str(error)) from error


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

"""Two programs on one session that a warden owns, with Telethon's own client.

Run it as it is, from the repository: the configuration names a loopback data centre, so that no
account is needed. Here warden and programs are one process; as a rule ``telewarden run`` is one,
and each program another, which finds the warden by its configuration.
"""

import asyncio
import tomllib
from pathlib import Path

from telethon import events

from telewarden import Warden, parse_config, shared_client

FILE = Path(__file__).with_name("forwarding.toml")
PROGRAMS = [
    {"name": "writer", "sessions": ["alice"], "read_only": False},
    {"name": "reader", "sessions": ["*"]},
]


async def main() -> None:
    tables = tomllib.loads(FILE.read_text())
    config = parse_config({**tables, "share": {"programs": PROGRAMS}}, base=FILE.parent)
    async with (
        Warden(config),
        shared_client("alice", program="writer", config=config) as writer,
        shared_client("alice", program="reader", config=config) as reader,
    ):
        heard = asyncio.Event()

        @reader.on(events.NewMessage(outgoing=True, pattern="hello"))
        async def hear(event: events.NewMessage.Event) -> None:
            print("the reader is told:", event.raw_text)
            heard.set()

        await writer.send_message("me", "hello from a program")
        await heard.wait()
        async for dialog in reader.iter_dialogs():
            print("a dialog:", dialog.name)


asyncio.run(main())

"""A warden inside an asyncio app, in the app's own loop.

Run it as it is, from the repository: the configuration names a loopback data centre, so that no
account is needed: it starts, and is logged in to, by itself.
"""

import asyncio
from pathlib import Path

from telewarden import Warden
from telewarden.telegram import Forwarded

CONFIG = Path(__file__).with_name("forwarding.toml")


async def main() -> None:
    async with Warden(CONFIG) as warden:
        warden.events.subscribe(lambda event: print(event), kinds=(Forwarded,))
        for session in warden.config.sessions:
            await warden.session(session.name).wait_online()
        await asyncio.sleep(5)  # the app's own work
        for session in (await warden.overview()).sessions:
            print(session.session, session.health)


asyncio.run(main())

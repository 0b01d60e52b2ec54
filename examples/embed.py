"""A warden inside an asyncio app, in the app's own loop.

Run it as it is, from the repository: the configuration names a loopback data centre, so that no
account is needed. With a real one, drop ``standin`` and ``sign_in``.
"""

import asyncio
from pathlib import Path

from telewarden import Warden, load_config
from telewarden.standin import sign_in, standin
from telewarden.telegram import Forwarded

CONFIG = Path(__file__).with_name("forwarding.toml")


async def main() -> None:
    config = load_config(CONFIG)
    async with standin(config) as here, Warden(config, server=here and here.server) as warden:
        warden.events.subscribe(lambda event: print(event), kinds=(Forwarded,))
        await sign_in(warden, here)
        await asyncio.sleep(5)  # the app's own work
        for session in (await warden.overview()).sessions:
            print(session.session, session.health)


asyncio.run(main())

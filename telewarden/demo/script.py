"""Who plays in the demo: three sessions, a publisher, four pairs in two worker groups."""

from __future__ import annotations

from typing import Final

__all__ = ["CODE", "CONFIG", "PAIRS", "PASSWORD", "PORTS_TRIED", "PUBLISHER", "SESSIONS"]

CODE: Final = "22222"
PASSWORD: Final = "correct horse"  # noqa: S105 - of an account that lives for a minute
PUBLISHER: Final = "press"
PORTS_TRIED: Final = (9464, 0)

SESSIONS: Final = {"alice": "+9996620001", "bob": "+9996620002", "carol": "+9996620003"}

# pair: (session, source, target)
PAIRS: Final = {
    1: ("alice", "news_in", "news_out"),
    2: ("alice", "sport_in", "sport_out"),
    3: ("bob", "market_in", "market_out"),
    4: ("bob", "weather_in", "weather_out"),
}

CONFIG: Final = """\
# Written by telewarden demo.
[telegram]
api_id = 1
api_hash = {{ env = "TELEWARDEN_DEMO_HASH" }}

[storage]
folder = "store"
master_key = {{ env = "TELEWARDEN_DEMO_KEY" }}

[console]
port = {port}

[pacing]          # the loopback minds no crowd
per_account = 200.0
per_chat = 50.0
burst = 50

[[sessions]]
name = "alice"
phone = "+9996620001"

[[sessions]]
name = "bob"
phone = "+9996620002"

[[sessions]]
name = "carol"
phone = "+9996620003"

[[pairs]]
id = 1
session = "alice"
source = "@news_in"
target = "@news_out"

[[pairs]]
id = 2
session = "alice"
source = "@sport_in"
target = "@sport_out"

[[pairs]]
id = 3
session = "bob"
source = "@market_in"
target = "@market_out"
mode = "copy"

[[pairs]]
id = 4
session = "bob"
source = "@weather_in"
target = "@weather_out"
mode = "copy"

[loopback]
embedded = false
port = {telegram}
pubkey = "pub.pem"
dc_id = {dc_id}
code = "{code}"

[[loopback.accounts]]
name = "alice"
phone = "+9996620001"

[[loopback.accounts]]
name = "bob"
phone = "+9996620002"
password = "correct horse"

[[loopback.accounts]]
name = "carol"
phone = "+9996620003"

[[loopback.accounts]]
name = "press"
phone = "+9996620009"

[[loopback.chats]]
username = "news_in"
title = "News"
owner = "press"
members = ["alice"]

[[loopback.chats]]
username = "sport_in"
title = "Sport"
owner = "press"
members = ["alice"]

[[loopback.chats]]
username = "market_in"
title = "Markets"
owner = "press"
members = ["bob"]

[[loopback.chats]]
username = "weather_in"
title = "Weather"
owner = "press"
members = ["bob"]

[[loopback.chats]]
username = "news_out"
title = "News, forwarded"
owner = "alice"

[[loopback.chats]]
username = "sport_out"
title = "Sport, forwarded"
owner = "alice"

[[loopback.chats]]
username = "market_out"
title = "Markets, copied"
owner = "bob"

[[loopback.chats]]
username = "weather_out"
title = "Weather, copied"
owner = "bob"
"""

"""The demo's cast: three sessions, a publisher, four pairs in two worker groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

CODE: Final = "22222"
PASSWORD: Final = "correct horse"  # noqa: S105 - of an account that lives for a minute
PUBLISHER: Final = "press"
PORTS_TRIED: Final = (9464, 0)

SESSIONS: Final = {"alice": "+9996620001", "bob": "+9996620002", "carol": "+9996620003"}
TWO_STEP: Final = "bob"  # the one with two-step verification

# pair: (session, source, target, mode)
PAIRS: Final = {
    1: ("alice", "news_in", "news_out", "forward"),
    2: ("alice", "sport_in", "sport_out", "forward"),
    3: ("bob", "market_in", "market_out", "copy"),
    4: ("bob", "weather_in", "weather_out", "copy"),
}

HEAD: Final = """\
# Written by telewarden demo.
[telegram]
api_id = 1

[storage]
folder = "store"
master_key = {{ env = "TELEWARDEN_DEMO_KEY" }}

[console]
port = {port}

[pacing]          # the loopback minds no crowd
per_account = 200.0
per_chat = 50.0
burst = 50

[loopback]        # runs in the demo's own process
embedded = false
port = {telegram}
pubkey = "pub.pem"
dc_id = {dc_id}
code = "{code}"
"""


def configuration(*, port: int, telegram: int, dc_id: int) -> str:
    """The demo's configuration, TOML.

    Args:
        port: where the pages are.
        telegram: the data centre's port.
        dc_id: its number.
    """
    head = HEAD.format(port=port, telegram=telegram, dc_id=dc_id, code=CODE)
    return "\n".join((head, *_sessions(), *_pairs(), *_accounts(), *_chats()))


def _sessions() -> Iterator[str]:
    for name, phone in SESSIONS.items():
        yield f'[[sessions]]\nname = "{name}"\nphone = "{phone}"\n'


def _pairs() -> Iterator[str]:
    for number, (session, source, target, mode) in PAIRS.items():
        yield (
            f'[[pairs]]\nid = {number}\nsession = "{session}"\n'
            f'source = "@{source}"\ntarget = "@{target}"\nmode = "{mode}"\n'
        )


def _accounts() -> Iterator[str]:
    for name, phone in (*SESSIONS.items(), (PUBLISHER, "+9996620009")):
        password = f'password = "{PASSWORD}"\n' if name == TWO_STEP else ""
        yield f'[[loopback.accounts]]\nname = "{name}"\nphone = "{phone}"\n{password}'


def _chats() -> Iterator[str]:
    for session, source, target, _ in PAIRS.values():
        yield (
            f'[[loopback.chats]]\nusername = "{source}"\ntitle = "{source}"\n'
            f'owner = "{PUBLISHER}"\nmembers = ["{session}"]\n'
        )
        yield (
            f'[[loopback.chats]]\nusername = "{target}"\ntitle = "{target}"\nowner = "{session}"\n'
        )

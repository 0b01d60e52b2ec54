"""Sessions issued without a login: a random key, registered, in Telethon's string form."""

from __future__ import annotations

from typing import Any, Final

from telethon.sessions import StringSession as _StringSession

from ._tl import AuthKey
from .data_centre import DataCentre
from .world.records import Account, Authorization

_Session: Final[Any] = _StringSession
_SETTLED: Final = 2 * 24 * 3600  # seconds: old enough to be allowed to end other logins


def mint(centre: DataCentre, account: Account) -> Authorization:
    """A key that ``account`` is signed in with, two days old."""
    authorization = centre.world.add_key(centre.world.entropy(256), dc_id=account.dc_id)
    authorization.account = account
    authorization.created -= _SETTLED
    return authorization


def string_of(centre: DataCentre, authorization: Authorization) -> str:
    """The session string that uses a key at this data centre."""
    session = _Session()
    session.set_dc(authorization.dc_id, centre.host, centre.ports[authorization.dc_id])
    session.auth_key = AuthKey(authorization.key)
    text: str = session.save()
    return text

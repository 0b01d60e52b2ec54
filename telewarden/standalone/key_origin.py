"""Which auth key an error of Telethon's was met with: the one of the client it came out of.

The error itself does not say. Its traceback does: the frame that it was raised in belongs to a
client, or to its sender, which has the key. Nothing of a frame but the key's id is kept.
"""

from __future__ import annotations

import traceback
from typing import Any, Final

HOLDERS: Final = ("sender", "self", "client")  # what Telethon's frames call who has a key


def keys_behind(error: BaseException) -> frozenset[int]:
    """Return the ids of the keys that the innermost client in a traceback has.

    A client that talks to several data centres has its session's and that of the line. Empty where
    no client is in the traceback, as when the error was made by hand or put into another one.
    """
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        known = frame.f_locals
        found = frozenset(
            key_id for name in HOLDERS if name in known for key_id in _key_ids(known[name])
        )
        if found:
            return found
    return frozenset()


def _key_ids(holder: Any) -> list[int]:
    session = getattr(holder, "session", None)
    keys = (getattr(one, "auth_key", None) for one in (holder, session) if one is not None)
    ids = (getattr(key, "key_id", None) for key in keys)
    return [one for one in ids if isinstance(one, int) and one]

"""Random ids of copies: a function of pair and source message, never drawn.

Telegram remembers it, so that the same request sent twice arrives once.
"""

from __future__ import annotations

import hashlib


def random_id_for(pair_id: object, source_chat: int, source_id: int, *, part: int = 0) -> int:
    """Return the random id of a pair's copy of one message: always the same, never 0.

    ``part`` tells the pieces of a message apart that is sent in several.
    """
    seed = f"{pair_id}\0{source_chat}\0{source_id}\0{part}".encode()
    digest = hashlib.blake2b(seed, digest_size=8, person=b"tw-random-id").digest()
    return int.from_bytes(digest, "little", signed=True) or 1

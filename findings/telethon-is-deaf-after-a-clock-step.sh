#!/usr/bin/env bash
# Telethon 1.45.0: a clock that is set back by more than 30 s makes a connected client deaf.
#
# The time in the number of each message from the server is compared with `time.time()` plus an offset
# that is learnt when a connection begins. The wall clock is not the time since then: when NTP, a
# hypervisor that wakes up, or a person sets it (back by over 30 s, or on by over 300 s), every message
# looks too new or too old. It is dropped with a WARNING: updates are lost without a gap being noticed,
# answers never come, until as many in a row were dropped that the connection is given up. The offset
# is only learnt anew when the first message of a connection says that the time is wrong.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import collections
import hashlib
import logging
import os
import struct
import time

import telethon
from telethon.crypto import AES, AuthKey
from telethon.network import mtprotostate
from telethon.tl.types import Pong

print("telethon", telethon.__version__)
logging.basicConfig(format="  %(levelname)s %(message)s")
key = AuthKey(bytes(range(256)))
loggers = collections.defaultdict(lambda: logging.getLogger("state"))
wall = time.time


def from_server(state, number):
    """A pong as the server would send it now (MTProto 2.0, x = 8)."""
    body = bytes(Pong(msg_id=1, ping_id=number))
    msg_id = (int(wall()) << 32) + 4 * number + 1
    plain = struct.pack("<qqqii", 0, state.id, msg_id, 1, len(body)) + body
    plain += os.urandom(-(len(plain) + 12) % 16 + 12)
    msg_key = hashlib.sha256(key.key[96:128] + plain).digest()[8:24]
    aes_key, aes_iv = state._calc_key(key.key, msg_key, False)
    return struct.pack("<Q", key.key_id) + msg_key + AES.encrypt_ige(plain, aes_key, aes_iv)


def heard(step):
    """How many of three messages a client takes whose clock is set by ``step`` seconds after the first."""
    state = mtprotostate.MTProtoState(key, loggers)
    mtprotostate.time.time = wall
    first = state.decrypt_message_data(from_server(state, 1))
    mtprotostate.time.time = lambda: wall() + step
    later = [state.decrypt_message_data(from_server(state, number)) for number in (2, 3)]
    mtprotostate.time.time = wall
    count = sum(one is not None for one in (first, *later))
    print(f"clock set by {step:>5} s: {count} of 3 messages taken")
    return count


seen = {step: heard(step) for step in (0, -20, -40, 200, 400)}
assert seen == {0: 3, -20: 3, -40: 1, 200: 3, 400: 1}, "this has changed"
PYTHON

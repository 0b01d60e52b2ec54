#!/usr/bin/env bash
# Telethon 1.45.0: an MTProxy secret means one thing in hex and another in base64.
#
# Telegram's proxy links carry the same secret in hex or in URL-safe base64; one byte in front (dd, ee)
# says how packets look, and is no part of the 16 bytes. `TcpMTProxy.normalize_secret` takes it off
# only in hex: from base64 the mark becomes the key's first byte and the last byte is lost. It decodes
# with the standard alphabet, so that each - and _ of the URL-safe one is skipped and all behind it
# moves up: another key, or too few bytes, or an error about base64. And a plain secret in hex whose
# first byte happens to be dd or ee (one in 128) loses that byte and is too short afterwards.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import base64

import telethon
from telethon.network.connection.tcpmtproxy import TcpMTProxy

print("telethon", telethon.__version__)
key = bytes.fromhex("11fbefbe3344556677fff0aabbccdd22")
tame = bytes.fromhex("00112233445566778899aabbccddeeff")  # no - or _ in its base64


def read(secret, name):
    written = secret.hex() if name == "hex" else base64.urlsafe_b64encode(secret).decode().rstrip("=")
    try:
        found = TcpMTProxy.normalize_secret(written).hex()
    except ValueError as error:
        found = f"{type(error).__name__}: {error}"
    print(f"{name:<7}{written:<57} -> {found}")
    return found


dd, domain = b"\xdd" + key, b"\xee" + key + b"example.org"
assert [read(secret, "hex") for secret in (dd, domain, key)] == 3 * [key.hex()]
assert read(b"\xdd" + tame, "base64") == "dd" + tame.hex()[:-2], "this has changed"
assert read(key, "base64") not in (key.hex(), ""), "this has changed"
plain = b"\xee" + key[1:]  # a plain secret of 16 bytes that begins so
assert read(plain, "hex") == plain[1:].hex(), "this has changed"
PYTHON

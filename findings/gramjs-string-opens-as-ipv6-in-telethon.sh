#!/usr/bin/env bash
# GramJS 2.26.22 and Telethon 1.45.0: one's session string opens in the other with a made-up host.
#
# Both write a "1" and base64. GramJS puts the address in as text behind its length (2 bytes),
# Telethon as 4 or 16 bytes, told apart by the whole string's length. "149.154.167.51" has fourteen
# characters, with its length sixteen bytes: so a GramJS string of data centre 2 is as long as a
# Telethon string with an IPv6 address, and Telethon opens it without an error. Data centre, port
# and key are right, the host is the text's bytes read as IPv6. Seen where the base64 of the key has
# no + or /, as here. Who converts strings must look at the address, not only at the length.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0
(cd "$folder" && npm install --silent --no-audit --no-fund telegram@2.26.22 >/dev/null 2>&1)

cat >"$folder/write.js" <<'JAVASCRIPT'
const { StringSession } = require("telegram/sessions");
const { AuthKey } = require("telegram/crypto/AuthKey");
(async () => {
  const session = new StringSession("");
  session.setDC(2, "149.154.167.51", 443);
  const key = new AuthKey();
  await key.setKey(Buffer.alloc(256, "k"));
  session.setAuthKey(key);
  console.log(session.save());
})();
JAVASCRIPT
(cd "$folder" && node write.js) >"$folder/string"

"$folder/env/bin/python" - "$folder/string" <<'PYTHON'
import sys

import telethon
from telethon.sessions import StringSession

text = open(sys.argv[1]).read().strip()
opened = StringSession(text)
print("telethon", telethon.__version__, "opens a GramJS string of", len(text), "characters")
print("dc", opened.dc_id, "port", opened.port, "host", opened.server_address)
assert len(text) == 369
assert (opened.dc_id, opened.port) == (2, 443)
assert opened.auth_key.key == b"k" * 256
assert opened.server_address == "e:3134:392e:3135:342e:3136:372e:3531"
PYTHON
echo "as described"

#!/usr/bin/env bash
# Telethon 1.45.0: half of Telegram's own links to a chat are no names to it, one is a wrong thing.
#
# `utils.parse_username` is what `get_entity`, `join` and most forwarding apps ask for a pasted link.
# Telegram's page on deep links has the same chat as t.me/name, name.t.me, tg://resolve?domain=name,
# as a link to a message (t.me/name/5) and as a preview (t.me/s/name): only the first is understood,
# the others are "no name" (None). A link to a phone number (t.me/+ and digits) has the shape of an
# invitation (t.me/+ and a hash) and is returned as one, so that a number is handed to
# messages.checkChatInvite as a hash.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import telethon
from telethon.utils import parse_username

print("telethon", telethon.__version__)
links = {
    "https://t.me/newsroom": ("newsroom", False),
    "https://t.me/+AbCdEfGhIjKlMnOp": ("AbCdEfGhIjKlMnOp", True),
    "tg://join?invite=AbCdEfGhIjKlMnOp": ("AbCdEfGhIjKlMnOp", True),
    "https://newsroom.t.me": (None, False),
    "tg://resolve?domain=newsroom": (None, False),
    "https://t.me/newsroom/5": (None, False),
    "https://t.me/s/newsroom": (None, False),
    "https://t.me/+9996620001": ("9996620001", True),
}
seen = {link: parse_username(link) for link in links}
for link, found in seen.items():
    print(f"{link:<40}{found}")
assert seen == links, "this has changed"
PYTHON

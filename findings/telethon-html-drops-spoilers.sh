#!/usr/bin/env bash
# Telethon 1.45.0: its HTML knows no spoiler and no mention by id, in neither direction.
#
# Telegram's own HTML (Bot API) hides text with <tg-spoiler> and names a person with
# <a href="tg://user?id=...">. Telethon's parser takes the first for plain text, without a word:
# what was hidden is sent in the open. Its writer leaves the mark out as well. A mention is written
# as such a link, and read again as an ordinary web link, so the person is not told any more.
# Tags that both know (<b>, <u>, <blockquote expandable>, <tg-emoji>) survive.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import telethon
from telethon.extensions import html
from telethon.tl import types

print("telethon", telethon.__version__)


def kinds(text):
    return [type(mark).__name__ for mark in html.parse(text)[1]]


for text in (
    "<tg-spoiler>who did it</tg-spoiler>",
    '<span class="tg-spoiler">who did it</span>',
    '<a href="tg://user?id=5">Ann</a>',
    "<blockquote expandable>long</blockquote>",
):
    print(f"{text:45} -> {kinds(text)}")
assert kinds("<tg-spoiler>who did it</tg-spoiler>") == []
assert kinds('<span class="tg-spoiler">who did it</span>') == []
assert kinds('<a href="tg://user?id=5">Ann</a>') == ["MessageEntityTextUrl"]
assert kinds("<blockquote expandable>long</blockquote>") == ["MessageEntityBlockquote"]

hidden = html.unparse("who did it", [types.MessageEntitySpoiler(0, 10)])
named = html.unparse("Ann", [types.MessageEntityMentionName(0, 3, user_id=5)])
print("a spoiler is written as", repr(hidden))
print("a mention is written as", repr(named))
assert hidden == "who did it"
assert named == '<a href="tg://user?id=5">Ann</a>'
PYTHON
echo "as described"

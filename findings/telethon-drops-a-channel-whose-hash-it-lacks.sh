#!/usr/bin/env bash
# Telethon 1.45.0: a channel that has news and whose access hash is not in the cache is dropped.
#
# When Telegram says that a channel has news (updateChannelTooLong), Telethon asks for the channel's
# difference with the access hash from its in-memory cache. Where that has no hash at this moment, the
# question is not asked, nothing is logged, no event comes, and the channel's place in the updates is
# forgotten: what was edited or deleted meanwhile is never told, and the next update that comes is
# taken for the beginning. A client that clears or trims that cache loses changes in this way.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import datetime
import logging

import telethon
from telethon._updates import EntityCache, MessageBox, SessionState, ChannelState
from telethon.tl import types

print("telethon", telethon.__version__)
said = []
logger = logging.getLogger("box")
logger.setLevel(logging.DEBUG)
logger.addFilter(lambda record: said.append(record.getMessage()) or False)

box = MessageBox(logger)
now = datetime.datetime.now(datetime.timezone.utc)
box.load(SessionState(1, 2, False, 5, 0, int(now.timestamp()), 1, None), [ChannelState(777, 10)])
news = types.Updates([types.UpdateChannelTooLong(777, pts=25)], [], [], now, 0)
box.process_updates(news, EntityCache(), [])
print("to be asked for:", [one for one in box.getting_diff_for if isinstance(one, int)])
said.clear()
request = box.get_channel_difference(EntityCache())
left = [one for one in box.getting_diff_for if isinstance(one, int)]
warned = [one for one in said if "hash" in one.lower()]
print("asked:", request, " left to ask:", left, " known place:", box.map.get(777), " said:", warned)
assert (request, left, box.map.get(777), warned) == (None, [], None, []), "this has changed"
PYTHON

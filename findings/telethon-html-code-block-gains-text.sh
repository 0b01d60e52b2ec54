#!/usr/bin/env bash
# Telethon 1.45.0: a code block that goes through its HTML and back is another text.
#
# `telethon.extensions.html.unparse` writes a `MessageEntityPre` with line breaks and indentation
# around the code and the two characters `{}` behind it. `parse` takes them for text: the braces
# always stay, the white space stays where the block is not at the text's edge. So who keeps
# messages as HTML (a template, a caption that is edited) sends code that was never written.
# Inline code (`MessageEntityCode`) and quotes come back as they were.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import telethon
from telethon.extensions import html
from telethon.tl.types import MessageEntityBlockquote, MessageEntityCode, MessageEntityPre

said, code = "run print(1) now", "print(1)"
at = said.index(code)
print("telethon", telethon.__version__)


def there_and_back(mark):
    written = html.unparse(said, [mark])
    read, _ = html.parse(written)
    print(f"{type(mark).__name__}: {written!r} -> {read!r}")
    return read


for language in ("", "python"):
    read = there_and_back(MessageEntityPre(at, len(code), language=language))
    assert read != said and code + "{}" in read and "\n" in read, read
assert there_and_back(MessageEntityCode(at, len(code))) == said
assert there_and_back(MessageEntityBlockquote(at, len(code))) == said
PYTHON
echo "as described"

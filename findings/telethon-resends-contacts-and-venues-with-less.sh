#!/usr/bin/env bash
# Telethon 1.45.0: `utils.get_input_media` hands contacts and venues in again with less in them.
#
# It turns the medium of a message that was received into one that can be sent, which is how a
# message is copied. A contact loses its vCard (address, mail, company), a venue its type, although
# both the received and the sent constructor have the field. Nothing is said about it.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check telethon==1.45.0

"$folder/env/bin/python" - <<'PYTHON'
import telethon
from telethon import utils
from telethon.tl import types

print("telethon", telethon.__version__)
contact = types.MessageMediaContact(
    phone_number="+9996620001",
    first_name="Ann",
    last_name="",
    vcard="BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nORG:Press\nEND:VCARD",
    user_id=0,
)
venue = types.MessageMediaVenue(
    geo=types.GeoPoint(long=1.0, lat=2.0, access_hash=0),
    title="Hall",
    address="1 Street",
    provider="foursquare",
    venue_id="4b",
    venue_type="arts_entertainment/default",
)
sent_contact, sent_venue = utils.get_input_media(contact), utils.get_input_media(venue)
print("vcard received", len(contact.vcard), "characters; handed in", len(sent_contact.vcard))
print("venue type received", repr(venue.venue_type), "handed in", repr(sent_venue.venue_type))
assert contact.vcard and sent_contact.vcard == ""
assert venue.venue_type and sent_venue.venue_type == ""
assert (sent_venue.title, sent_venue.venue_id) == ("Hall", "4b")
PYTHON
echo "as described"

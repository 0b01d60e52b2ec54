"""``telewarden top``: a live view of a running warden in the terminal.

Owns what its tables show and its keys. Leaves asking the warden to the control socket's client.
"""

"""A session used by other programs through its owner: frames, passed requests, the client.

Owns what travels over the owner's socket and Telethon's side of both ends. Who may do what, and
the socket itself, are the front door's (``telewarden/sharing``).
"""

"""Session strings and Telethon's ``.session`` files: read, checked, written, salvaged.

Owns their formats; works without Telethon and without network. Leaves sealed copies to the storage
room.
"""

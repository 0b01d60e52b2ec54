"""Logins as other programs keep them: session strings, files and folders, told apart and read.

Owns what each program writes and how it is recognised; nothing here is changed or sent. Leaves
Telethon's own string and file to ``session_files``, and the proof that a login lives to its caller.
"""

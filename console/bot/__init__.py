"""The admin bot: the operator's commands in a private chat with a bot of one's own.

Owns who may give which command, how it is typed and answered, buttons, progress. Leaves
what a command does to the ``Panel``, and what it is called to ``console.commands``.
"""

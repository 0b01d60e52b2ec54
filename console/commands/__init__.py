"""The operator's commands, each described once: name, parameters, help, danger, how to show it.

Command line, HTTP API and admin bot are made from these descriptions, and ``docs/commands.md`` is
printed from them. Owns no handler: what a command does is in ``telewarden.commands``. Imports
nothing that takes long, so that a command line that only asks a running warden starts at once.
"""

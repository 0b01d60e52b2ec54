"""What each command of ``console.commands`` does in a running warden.

Owns one function a command, from its parameters to its result. Leaves names, help and how a result
is shown to the descriptions, and the work itself to the handles of ``api`` and ``service``.
"""

"""One Telegram session as an actor: its client, its state, its login, its sending.

Owns the way online and back, and what Telegram has asked the account to wait for. Leaves what its
pairs carry to ``forwarding``, and who exists to ``registry``.
"""

"""The data centre's side of a connection: frames, key exchange, encryption, acknowledgements.

Owns bytes and what is said on one connection. Leaves what a request means to ``handlers``.
"""

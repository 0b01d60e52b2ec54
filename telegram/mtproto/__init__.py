"""MTProto below a client: frames, the sender, updates in order, differences.

Owns one connection's bytes and numbers. Leaves who may connect to ``connecting``, and what an
update says to ``incoming``.
"""

"""Encryption at rest: master key, vault, and repair of single flipped bits.

Owns keys and ciphertext. Leaves where the ciphertext is kept to ``tables`` and ``files``.
"""

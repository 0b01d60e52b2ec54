"""The master key, the vault that it opens, and values of which one bit has turned.

Owns keys and ciphertext. Leaves where the ciphertext is kept to ``tables`` and ``files``.
"""

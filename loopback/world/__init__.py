"""What the data centre knows: accounts, chats, messages, files, and its state file.

Owns the records, who may do what, and how one account sees them. Leaves telling people to
``updates``.
"""

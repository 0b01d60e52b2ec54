"""The data centre's world: accounts, chats, messages, files, and the state file.

Owns the records, who may do what, and how one account sees them. Leaves telling people to
``updates``.
"""

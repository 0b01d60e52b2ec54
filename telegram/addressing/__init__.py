"""Names of chats, and the chats behind them: links read, invitations followed, places found.

Leaves requests to the client, and what follows from a chat that is not there to the worker groups.
"""

"""Sessions for other programs: who may do what, and the socket over which they come.

Owns the owner's end. How requests and updates are written, and the program's end, are in
``telegram.sharing``; carrying a request out is the session actor's.
"""

"""A session's work for other programs.

Owns the turn and the errors of what they ask for. Leaves who may ask to the front door, and what is
asked to ``telegram.sharing``.
"""

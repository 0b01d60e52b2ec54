"""The supervisors: what a child's exit leads to, and the commands that they answer.

``base`` tells the whole story of a child; ``static`` and ``dynamic`` are its two kinds.
"""

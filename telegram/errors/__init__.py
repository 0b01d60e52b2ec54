"""Classification of Telegram's errors: class, action, wait time, explanation.

Owns the table and the words. Leaves what follows from a verdict to whoever asked.
"""

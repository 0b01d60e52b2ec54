"""What a tree tells of itself: events, log lines, crash history, stop reports, the loop watchdog.

Observers never hurt what they observe; nothing here decides about a child.
"""

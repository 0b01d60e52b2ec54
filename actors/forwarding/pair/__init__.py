"""One pair: its states, its chats, its queue, what may have arrived, what is to be compared. Pure.

Leaves to the room around it what is asked, sent and written; that room calls named steps and reads.
"""

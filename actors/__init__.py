"""Sessions, worker groups, health and journal as actors: mailboxes on top of the rooms below."""

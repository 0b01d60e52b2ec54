"""Discord: a pair's target there."""

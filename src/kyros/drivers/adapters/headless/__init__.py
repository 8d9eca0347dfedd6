"""The vendor's JSON tier: one process a turn, its events read line by line."""

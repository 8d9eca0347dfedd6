"""What is done with the log beside appending and following: reading far back, copying, auditing, telling."""

"""What happened: an append-only, numbered log and its resumable tail."""

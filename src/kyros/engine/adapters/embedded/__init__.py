"""The engine without a server: jobs in the database, nudges and live bytes over a socket in the home."""

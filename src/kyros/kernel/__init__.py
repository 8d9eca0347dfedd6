"""What every room may know and nothing that knows a room: ids, clock, errors, states, settings."""

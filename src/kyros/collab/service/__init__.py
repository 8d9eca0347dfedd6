"""What may be done with tasks, leases and agents: rules over a board, and the room's face for other rooms."""

"""Tasks, agents and leases: the room that people and agents share."""

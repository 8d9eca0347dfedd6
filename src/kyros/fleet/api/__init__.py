"""HTTP doors of the fleet."""

"""What runs the programs for real: terminals, vendors' JSON, profile files. Only the wiring names them."""

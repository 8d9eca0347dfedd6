"""What runs the programs for real: terminals, vendors' JSON, ACP, profile files. Only the wiring names it."""

"""The terminal tier: a program in a pseudo-terminal, watched on a rendered screen."""

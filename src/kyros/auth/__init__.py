"""Who is calling and may they: the one place that decides."""

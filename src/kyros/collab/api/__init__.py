"""Collab's doors, under /api/collab."""

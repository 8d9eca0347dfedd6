"""The real engines, one folder each. Only entrypoints/bootstrap.py names them."""

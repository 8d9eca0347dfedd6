"""The real engines, one folder each. Only entrypoints/bootstrap names them."""

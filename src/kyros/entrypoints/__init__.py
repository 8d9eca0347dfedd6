"""The doors of the house: server, worker, supervisor, command line. bootstrap.py wires all."""

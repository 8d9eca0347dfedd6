"""`python -m kyros` is the command `kyros`."""

from kyros.entrypoints.cli import main

main()

"""`python -m kyros.entrypoints.playbook`: the same program as `playbook`."""

from kyros.entrypoints.playbook import main

if __name__ == "__main__":
    main()

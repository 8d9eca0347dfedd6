"""A task becomes a reviewed pull request: branch, TASK.md, run, checks, merge."""

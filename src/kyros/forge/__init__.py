"""Repositories, branches and pull requests behind one port. Adapters: the built-in git forge."""

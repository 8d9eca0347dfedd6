"""The forge that needs no server: bare git repositories and rows."""

from kyros.forge.adapters.builtin.forge import BuiltinForge

__all__ = ["BuiltinForge"]

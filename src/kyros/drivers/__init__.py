"""Runs one coding-agent program behind one port: terminal or vendor JSON. Knows no run and no task."""

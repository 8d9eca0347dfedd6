"""Runs one coding-agent program behind one port: ACP, vendor JSON or a terminal. Knows no run and no task."""

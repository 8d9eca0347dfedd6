"""The Agent Client Protocol: JSON-RPC over a program's stdin and stdout."""

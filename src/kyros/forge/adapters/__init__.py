"""The forges: one folder each, none knows another."""

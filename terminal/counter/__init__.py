"""The counter terminal: assembly only."""

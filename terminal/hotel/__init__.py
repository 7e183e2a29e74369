"""The hotel terminal: assembly only."""

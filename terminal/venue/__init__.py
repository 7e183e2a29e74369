"""The venue terminal: assembly only."""

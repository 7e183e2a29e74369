"""The bus terminal: assembly only."""

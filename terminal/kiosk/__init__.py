"""The kiosk terminal: assembly only."""

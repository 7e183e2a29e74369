"""Readers: the port, PC/SC behind it, and the supervisor that keeps it alive."""

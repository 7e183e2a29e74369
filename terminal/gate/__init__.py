"""Barriers: the port and its adapter."""

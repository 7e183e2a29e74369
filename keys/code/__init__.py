"""Codes shown on a phone: the offline three-level code and the online token."""

"""Thin, checked fronts over the cryptographic libraries. No primitive is written here."""

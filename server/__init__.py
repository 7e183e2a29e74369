"""Keeps the books: registry, facts, event intake, ledger, services. Meets terminals only at bytes."""

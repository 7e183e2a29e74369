"""Schema changes of the key store."""

"""Power taken from a chip at every moment at which it can go, and what is left then: shared by tests and soak runs."""

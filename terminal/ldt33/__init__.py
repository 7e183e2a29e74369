"""The standard terminal functions of LD/T 33, over our readers: what programs load such a library for."""

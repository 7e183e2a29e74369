"""Worlds: the whole house in one process under one seed, torn, cut, doubled and delayed; and what must hold of it."""

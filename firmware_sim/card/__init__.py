"""A chip in software: our own card operating system over a non-volatile store that survives a power cut.

Handlers are looked up by (CLA, INS) and raise `SwError`; the edge renders the two status bytes. Files, keys and
access rules come from the card profiles; nothing here knows a file by name. No key arithmetic is shared with `keys/`.
"""

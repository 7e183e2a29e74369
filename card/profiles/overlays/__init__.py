"""Provincial additions to the profiles, one file each."""

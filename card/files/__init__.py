"""Files of a chip, declared and not programmed: kinds, codecs, the tree, and the profiles they are read from."""

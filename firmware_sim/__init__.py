"""A world in a box: cards, PSAMs, readers and the other parties, behind the ports that production code defines."""

"""Card profiles: what a card holds, who may read it and with which key, as data."""

"""Card business: apply, make, hand over, and everything that happens to a card afterwards."""

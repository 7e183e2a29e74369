"""Cases: a notice of death and all it stops, and money that is owed back."""

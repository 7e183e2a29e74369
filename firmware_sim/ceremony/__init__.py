"""A table with invented people, cards in software and a folder for a printer: ceremonies are rehearsed here."""

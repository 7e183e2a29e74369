"""Benefits paid through the card: programme, roll, batch, lines, bank files (business-rules §5)."""

"""Eligibility certification (business-rules §5.8): who is certified for which item, until when, on what evidence."""

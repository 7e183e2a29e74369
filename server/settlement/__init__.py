"""Settlement: clearing per operator and business day (清分), paying it out, reconciliation (对账)."""

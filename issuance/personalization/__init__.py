"""From a blank chip and an approved order to a card that was read back and proven."""

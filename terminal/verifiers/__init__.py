"""The only places where a credential becomes verified: card, purse, code; and the hotlist they are held against."""

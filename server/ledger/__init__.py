"""Double entry in fen: append-only posting pairs, hash-chained per shard and business day."""

"""Who holds secrets: algorithms, diversification, stores, purse cryptography, PSAM, facts and code signatures."""

"""The nouns every floor says: frozen, standard library only, each with an example and a counter-example in tests."""

"""One errand per kind of terminal: gather the inputs of its rule, carry the decision out."""

"""Bank file dialects: each bank's two files declared as data, one writer, one reader that notices drift."""

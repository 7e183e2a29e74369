"""The acceptance lists of `onecard card check`: what each item looks at, and the page of the answers."""

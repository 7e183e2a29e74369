"""Figures of this project, each beside a bare baseline of the same run: `onecard bench`."""

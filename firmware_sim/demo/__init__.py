"""The main job on one machine: a file of applicants in, cards made and used, books that balance out."""

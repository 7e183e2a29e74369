"""Key ceremonies: one reviewed plan gives one transcript, one artefact and the minutes, or nothing at all."""

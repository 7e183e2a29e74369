"""At the tap: readers, scanners and gates in front, the journal underneath, the uplink behind."""

"""Code scanners: the port and the serial adapter."""

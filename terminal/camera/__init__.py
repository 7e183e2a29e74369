"""The camera path: pictures in, code bytes out."""

"""From a file of applicants to approved orders."""

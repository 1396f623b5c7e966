"""A scan on more than one machine."""

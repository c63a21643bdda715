"""Files of other systems become traces: one module a format, and one way in for all of them."""

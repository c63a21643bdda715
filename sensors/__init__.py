"""When things happen: sensors that accept orders, promote, return traces and tell of failures."""

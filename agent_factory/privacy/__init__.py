"""Personal data: found, replaced by placeholders within a trace, and joined across traces by keyed hashes."""

"""What exists: the assets of the six factories, their checks, partitions and automation."""

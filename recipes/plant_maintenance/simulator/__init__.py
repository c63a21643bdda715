"""The plant's maintenance system: a world of machines, work orders and spare parts behind HTTP."""

"""Cleaning: what of a day's traces is worth learning from, each verdict with its rule and reason."""

"""Recorded traces again: their actions played in a fresh environment, and their ends graded by other rules."""

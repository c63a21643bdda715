"""Environments in a terminal: a program in a sandbox, its screen as text, keys as actions."""

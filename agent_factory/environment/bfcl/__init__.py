"""BFCL's multi-turn cases as environments: its classes, called by JSON, own instances an episode."""

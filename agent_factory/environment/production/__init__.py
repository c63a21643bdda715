"""Scenarios from production: failed traces, without personal data, rebuilt and admitted if they reproduce."""

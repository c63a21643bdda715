"""Canaries: made-up personal data planted in realistic messages, to measure what redaction finds and what it spoils."""

"""Rules of our own for each sort of personal data; they run before Presidio's and need no model."""

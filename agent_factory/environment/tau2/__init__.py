"""τ²-bench's domains as environments, read from a checkout that the user has."""

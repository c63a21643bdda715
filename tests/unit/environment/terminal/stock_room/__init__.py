"""A recipe of the kind terminal, for tests: a stock room's old program."""

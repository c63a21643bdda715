"""The shop's order system: a world of customers, orders and goods behind HTTP."""

"""The assets and checks of the compute factory."""

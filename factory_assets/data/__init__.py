"""The assets and checks of the data factory."""

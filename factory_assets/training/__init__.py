"""The assets and checks of the training factory."""

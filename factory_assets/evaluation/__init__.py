"""The assets and checks of the evaluation factory."""

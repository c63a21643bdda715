"""The assets and checks of the runtime factory."""

"""The assets and checks of the environment factory."""

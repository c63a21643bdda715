"""The environment factory: scenarios with proof, a simulated world, rollouts with grades."""

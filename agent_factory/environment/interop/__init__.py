"""Our environments for others, theirs for us: Gymnasium, OpenEnv, TRL."""

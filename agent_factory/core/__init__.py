"""What every room stands on: store, artifacts, recipes, settings, ids, digests and errors."""

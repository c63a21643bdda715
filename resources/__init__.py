"""How the outside is reached from Dagster: store, artifacts, workers, pools and the run launcher."""

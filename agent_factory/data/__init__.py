"""Data: traces come in by day, are cleaned and labelled, and become datasets with lineage."""

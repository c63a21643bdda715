"""Labels by people and by models: given, queued, compared with each other, and taken in from elsewhere."""

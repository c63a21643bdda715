"""Dialogues with a user that a model plays: the user, what a user does not do, and the model's place."""

"""The embedded world's networks again from their seeds."""

"""Loads and runs networks; knows nothing of exporting, attacks or papers."""

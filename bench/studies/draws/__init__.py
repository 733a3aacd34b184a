"""Seconds of a draw: Table 3."""

"""Seconds per draw: Table 3."""

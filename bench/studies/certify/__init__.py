"""Certified labels and maps."""

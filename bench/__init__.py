"""Reproduces the paper's tables."""

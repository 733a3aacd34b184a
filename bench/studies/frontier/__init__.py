"""Accuracy against cost."""

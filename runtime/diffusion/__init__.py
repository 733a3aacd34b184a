"""Noise schedules, denoisers and their networks."""

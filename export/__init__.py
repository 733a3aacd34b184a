"""Exports modules to artifacts and checks each for parity before it may be timed."""

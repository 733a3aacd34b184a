"""What `pytest --benchmark` runs."""

"""What `pytest --benchmark` runs: the runtime's own speed, and Table 3's one-shot cells."""

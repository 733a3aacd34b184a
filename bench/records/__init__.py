"""What is written down, and how it is read back."""

from pathlib import Path


def load(folder: str | Path):
    """A pandas frame for each kind of row in a results folder."""
    from bench.records.frames import load as frames  # pandas is slow to import

    return frames(folder)

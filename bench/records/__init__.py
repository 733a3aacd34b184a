"""What is written down, and how it is read back."""

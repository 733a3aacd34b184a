"""One file is one measure of what a network or a map is worth."""

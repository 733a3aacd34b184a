"""One file is one way to run a network: `SOURCE`, `available()` and `load(source, device) -> Session`."""

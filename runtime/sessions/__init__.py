"""One file is one way to run a network: `SOURCE`, `available()` and `load(source, device) -> Session`. What they share is named below."""

NOT_PLUGINS = ("engines", "precision", "split")

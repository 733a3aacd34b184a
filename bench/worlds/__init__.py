"""Pictures and networks that belong together, loaded and defended."""

"""Pictures and networks that belong together, loaded and defended. A world is a file with `open(brought) -> World`; the others are named below."""

NOT_PLUGINS = ("attack", "calibration", "defence", "presets", "workbench", "world")

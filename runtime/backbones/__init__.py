"""One file is one family of backbones, `NAMES` and `build(name) -> Backbone`; `build.py` finds them by name."""

NOT_PLUGINS = ("build",)

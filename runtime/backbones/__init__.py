"""One file is one family of backbones: `NAMES` and `build(name) -> Backbone`."""

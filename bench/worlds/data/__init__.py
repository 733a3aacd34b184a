"""One file is one data set on the user's disk: NEEDS and `build(Options) -> Loader`; `digits` makes the embedded world's pictures."""

NOT_PLUGINS = ("digits",)

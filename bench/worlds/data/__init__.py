"""One file is one data set: `embedded` makes its pictures, the others read the user's with `build(Options) -> Loader`."""

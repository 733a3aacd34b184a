"""One file is one table of the paper: `TABLE`."""

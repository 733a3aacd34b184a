"""One file is one command, its name the file's (an underscore is a dash): the docstring is its help, the signature of `run` its options.

`run` returns the exit code and imports what is heavy itself. Groups of options and their types are in `_options.py` and `_types.py`.
"""

"""One file is one command: `run(options) -> exit code`, called once its arguments are understood; its arguments are in `bench.options`."""

"""`fvit`: the one command line. Nothing heavy is imported before the arguments are understood."""

import importlib
import os
import sys
import warnings

from bench import arguments
from runtime.errors import FvitError


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done, 1 a cell failed, 2 an error in the input, 130 Ctrl-C)."""
    try:
        options = arguments.parse(words)
        warnings.showwarning = _one_line
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may reach for a hub
        print(f"fvit {options.command}: loading PyTorch ...", file=sys.stderr, flush=True)
        return importlib.import_module(f"bench.commands.{options.command}").run(options)
    except FvitError as error:
        print(f"fvit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nfvit: stopped; what was finished is kept and the same command goes on from there", file=sys.stderr)
        return 130


def _one_line(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"fvit: note: {message}", file=sys.stderr)

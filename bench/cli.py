"""`fvit`: the one command line. Finds the command, parses, runs it, turns errors into one line and an exit code.

A command is a file in `bench/commands/`; its name is the file's, its options are the signature of its `run`, its help is the file's docstring.
Nothing heavy is imported before the words are understood, and of the commands only the one that was asked for.
"""

import ast
import difflib
import importlib.util
import inspect
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cyclopts import App, Group, Parameter, Token, exceptions

from bench.commands import _help as help
from bench.commands._types import told
from runtime import plugins
from runtime.errors import FvitError

COMMANDS = "bench.commands"
ABOUT = "Faithful Vision Transformers: exported, checked, timed and measured."
PLUGINS = "--plugins"
EPILOGUE = f"""fvit COMMAND --help shows a command's options and examples.

{PLUGINS} DIR before or after a command adds a folder with plugins of your own;
so does {plugins.VARIABLE}, which may name several as PATH does.

Exit codes: 0 done, 1 measured but something failed, 2 asked wrongly,
70 an error nobody foresaw, 130 stopped by Ctrl-C."""
WANTED = {int: "a whole number", float: "a number"}  # where an option has no type of our own
DONE, WRONG, UNFORESEEN, STOPPED, UNHEARD = 0, 2, 70, 130, 141
HINTS = {  # FvitError.needs -> what to give
    "steps": "--steps", "mean": "--fuse mean", "head channels": "--head-channels", "paper world": "--world paper", "cpu": "--device cpu",
    "cuda": "--device cuda", "doctor": "see fvit doctor", "engine": "fvit export --tensorrt", "artifact": "fvit export",
    "training": "fvit train", "denoised": "fvit export --with-denoised", "layers": "fvit export --precision int8 --keep auto",
}  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    try:
        command, bound = _understood(words)
        with _quietly():
            if command.__module__.startswith(COMMANDS):
                print(f"fvit {_name(command)}: loading PyTorch ...", file=sys.stderr, flush=True)
            code = command(*bound.args, **bound.kwargs)
            sys.stdout.flush()
        return code or DONE
    except FvitError as error:
        print(f"fvit: {error}{f' ({HINTS[error.needs]})' if error.needs in HINTS else ''}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        print("\nfvit: stopped; what was finished is kept and the same command goes on from there", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        with suppress(OSError, ValueError):  # whoever read our output has gone; so that Python's own last flush is silent as well
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEARD
    except Exception as error:
        said = " ".join(str(error).split()) or "no words"
        print(f"fvit: unforeseen: {type(error).__name__}: {said}; what was measured is kept; details: {_written(error)}", file=sys.stderr)
        return UNFORESEEN


def parse(words: list[str]) -> tuple[str, inspect.BoundArguments]:
    """The command's name and the arguments of its `run`, which does not run; FvitError where they cannot be understood."""
    command, bound = _understood(words)
    bound.apply_defaults()
    return _name(command), bound


def _name(command: Callable) -> str:
    return command.__module__.rpartition(".")[2].replace("_", "-")


def _understood(words: list[str] | None) -> tuple[Callable[..., int | None], inspect.BoundArguments]:
    """What to call, and with what: a command's `run`, or what prints help or the version."""
    words = _with_plugins(sys.argv[1:] if words is None else list(words))
    app = _app()
    try:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False, verbose=False)
    except exceptions.CycloptsError as error:
        raise FvitError(_told(error, app)) from None
    return command, bound


def _with_plugins(words: list[str]) -> list[str]:
    """The words without `--plugins DIR`, whose folders, and those of $FVIT_PLUGINS, are plugins from now on."""
    folders, rest = [folder for folder in os.environ.get(plugins.VARIABLE, "").split(os.pathsep) if folder], []
    left = iter(words)
    for word in left:
        if word == PLUGINS or word.startswith(f"{PLUGINS}="):
            folder = word.partition("=")[2] or next(left, "")
            if not folder:
                raise FvitError(f"{PLUGINS} given without a folder; {PLUGINS} DIR is expected")
            folders.append(folder)
        else:
            rest.append(word)
    for folder in folders:
        plugins.add(Path(folder))
    return rest


def _app() -> App:
    """The program with all of its commands, none of them imported."""
    app = App(
        "fvit",
        help=ABOUT,
        help_format="plaintext",
        help_formatter=help.Columns(),
        help_epilogue=EPILOGUE,
        version=_version,
        default_parameter=Parameter(negative="", show_default=help.shown),
        group_parameters=Group("Options", sort_key=1),
        result_action="return_value",
    )
    for name in plugins.names(COMMANDS):
        first, _, rest = _docstring(f"{COMMANDS}.{name}").partition("\n")
        app.command(f"{COMMANDS}.{name}:run", name=name.replace("_", "-"), help=first, help_epilogue=rest.strip() or None)
    return app


def _docstring(module: str) -> str:
    """A module's docstring, read and not imported."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""


def _version() -> str:
    import importlib.metadata  # 50 ms

    from runtime.provenance import commit

    return f"fvit {importlib.metadata.version('fvit-bench')}, commit {commit()}"


def _told(error: exceptions.CycloptsError, app: App) -> str:
    """One line: what came, what is wanted, what is nearest."""
    asked = " ".join(["fvit", *(error.command_chain or ())])
    option = error.argument.name if error.argument else ""
    if isinstance(error, exceptions.UnknownCommandError):
        return _unknown((error.unused_tokens or [""])[0], [name for name in app if not name.startswith("-")], "command", "fvit")
    if isinstance(error, exceptions.UnknownOptionError):
        options = [name for argument in error.argument_collection for name in argument.names if argument.parse and name.startswith("--")]
        return _unknown(error.token.keyword or error.token.value, options, "option", asked)
    if isinstance(error, exceptions.RepeatArgumentError):
        return f"{error.token.keyword} given more than once; give it once"
    if isinstance(error, exceptions.MissingArgumentError):
        missing = error.keyword or option
        return (
            f"{missing} given without a value"
            if missing.startswith("-")
            else f"{missing} is missing; {asked} --help tells what is expected"
        )
    if isinstance(error, exceptions.UnusedCliTokensError):
        return f"{asked} has no use for {' '.join(error.unused_tokens or [])!r}; {asked} --help tells what is expected"
    if isinstance(error, exceptions.CoercionError) and error.token is not None:
        return _unfit(error, error.token)
    return " ".join(str(error).split())


def _unfit(error: exceptions.CoercionError, token: Token) -> str:
    choices = error.argument.get_choices() if error.argument else None
    if choices:
        return f"{told(token)}: one of {', '.join(choices)} is expected"
    if error.target_type is bool:
        return f"{token.keyword} takes no value"
    return f"{told(token)}: {WANTED.get(error.target_type, 'another kind of value')} is expected"


def _unknown(word: str, names: list[str], kind: str, asked: str) -> str:
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.0)
    return f"unknown {kind} {word!r}; nearest: {nearest[0]}; {asked} --help lists them" if nearest else f"{asked} has no {kind} {word!r}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Warnings as one line, and no hub asked for anything; both as before on leaving."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = before or "1"
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: print(f"fvit: note: {message}", file=sys.stderr)
            yield
    finally:
        if before is None:
            os.environ.pop("HF_HUB_OFFLINE", None)
        else:
            os.environ["HF_HUB_OFFLINE"] = before


def _written(error: Exception) -> Path:
    """The file that has the traceback: in the cache, or where that cannot be written in a temporary folder."""
    text = "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    try:
        from runtime.artifact import cache

        folder = cache() / "crashes"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    except Exception:  # whatever is broken must not hide what is told here
        folder = Path(tempfile.mkdtemp(prefix="fvit-"))
        (folder / name).write_text(text, encoding="utf-8")
    return folder / name

"""Help that fits 80 columns: names on the left, what they mean on the right."""

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

WIDTH, LEFT = 80, 26  # columns of a page; of the names at most


def shown(default: Any) -> str | None:
    """A default as it would be typed; None: it is not worth showing."""
    if default is None or default is False or default == ():
        return None
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


class Columns:
    """What cyclopts calls for each part of a page."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        if panel.entries:
            left = min(LEFT, max(len(_name(entry)) for entry in panel.entries) + 4)
            told = "\n".join(_entry(entry, left) for entry in panel.entries)
            _print(console, f"{panel.title}:\n{told}\n")

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        _print(console, textwrap.fill(f"Usage: {_plain(usage)}", WIDTH, subsequent_indent="  ") + "\n")

    def render_description(self, console: "Console", options: "ConsoleOptions", description: Any) -> None:
        _print(console, _plain(description) + "\n")


def _name(entry: "HelpEntry") -> str:
    return ", ".join(entry.display_labels_with_metavar)


def _entry(entry: "HelpEntry", left: int) -> str:
    text = _plain(entry.description)
    if entry.choices:
        text = f"{text}: {' or '.join(entry.choices)}"
    if entry.default is not None:
        text = f"{text} (default: {entry.default})"
    first, *rest = textwrap.wrap(text, WIDTH - left, break_on_hyphens=False) or [""]
    name = f"  {_name(entry):{left - 2}}"
    names = [name + first] if len(name) <= left else [name, " " * left + first]
    return "\n".join([*names, *(" " * left + line for line in rest)]).rstrip()


def _plain(text: Any) -> str:
    """The words of cyclopts's texts, which have no markup here."""
    text = getattr(text, "primary_renderable", text)
    return str(getattr(text, "plain", text)).strip()


def _print(console: "Console", text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)

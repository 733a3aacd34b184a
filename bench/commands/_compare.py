"""What `fvit compare` does: the pages of two results folders, number by number."""

from pathlib import Path

from bench.commands._pages import MeasuredPage, pages
from bench.pages.compare import Comparison
from bench.records.campaign import head_of
from bench.records.store import Store
from runtime.errors import FvitError


def compare(first: Path, second: Path) -> Comparison:
    """Every page that either folder's rows give; FvitError where one has none."""
    shown = [_pages(folder) for folder in (first, second)]
    found = Comparison()
    for name in {**shown[0], **shown[1]}:
        one, other = (by_name.get(name) for by_name in shown)
        found.add(name, one.page.numbers if one else {}, other.page.numbers if other else {})
        if one and other:
            found.settings += [line for line in _settings(one, other) if line not in found.settings]
    return found


def _pages(folder: Path) -> dict[str, MeasuredPage]:
    found = {shown.name: shown for shown in pages(Store(folder), drawn=False)} if folder.is_dir() else {}
    if not found:
        raise FvitError(f"no rows in {folder}; name a results folder, as in results/embedded-...")
    return found


def _settings(one: MeasuredPage, other: MeasuredPage) -> list[str]:
    """In what the two were measured differently, weights included."""
    heads = [head_of(shown.rows) for shown in (one, other)]
    a, b = (head.settings | {"weights": head.weights} for head in heads)
    return [f"{name}: {a.get(name)} and {b.get(name)}" for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]

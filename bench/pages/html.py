"""One self-contained HTML page of a results folder: no network, no script; legible on a phone and on paper."""

import base64
import re
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1c1c28; }
body { max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; } nav a { margin-right: .8rem; white-space: nowrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
td, th { border: 1px solid #ddd; padding: .25rem .45rem; text-align: left; } td:first-child, td.n { white-space: nowrap; }
img { max-width: 100%; height: auto; } code { background: #f1f1f5; padding: 0 .2em; }
@media (max-width: 40rem) { body { padding: .6rem; } table { font-size: .72rem; } }
@media print { nav { display: none; } h2 { break-before: page; } .wide { overflow: visible; }
  table { font-size: 6.5pt; } tr { break-inside: avoid; } }
"""
NUMBER = re.compile(r"<td>(-?\d+\.\d+)( \[[^<]*)?</td>")
SHARE = len("0.000")  # how a table of looks prints one
DIFFERENCE = re.compile(r"\(paper [^,]+, ([+-]\d+\.\d+)\)")


def page(title: str, summary: list[str], sections: list[tuple[str, str, list[Path]]]) -> str:
    """`sections`: name, Markdown, pictures. The summary's sentences come first; cells `share [low, high]` in the Markdown are heated."""
    links = " ".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name, _, _ in sections)
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in summary) or "<li>No table of looks was measured here yet.</li>"
    body = "".join(_section(*section) for section in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1><nav>{links}</nav>"
        f"<h2>What it says</h2><ul>{said}</ul>{body}</body></html>\n"
    )


def _section(name: str, text: str, pictures: list[Path]) -> str:
    shown = "".join(_picture(path) for path in pictures if path.is_file())
    text = re.sub(r"^(#+) ", lambda found: "#" * min(len(found[1]) + 2, 6) + " ", text, flags=re.MULTILINE)
    made = MarkdownIt().enable("table").render(text)
    made = made.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return f'<h2 id="{_anchor(name)}">{escape(name)}</h2>{shown}{NUMBER.sub(_heated, made)}'


def _heated(cell: re.Match) -> str:
    """A share's cell is the bluer the larger it is; where the paper's stands beside it, blue above it and red below it."""
    value, rest = float(cell[1]), cell[2] or ""
    if difference := DIFFERENCE.search(rest):
        distance = max(-1.0, min(1.0, float(difference[1]) / 0.5))
        colour = f"rgba({'40,110,220' if distance > 0 else '220,60,40'},{0.45 * abs(distance):.2f})"
    elif 0 <= value <= 1 and rest and len(cell[1]) == SHARE:
        colour = f"rgba(40,110,220,{0.32 * value:.2f})"
    else:
        return cell[0]
    return f'<td class="n" style="background:{colour}">{cell[1]}{rest}</td>'


def _picture(path: Path) -> str:
    return f'<p><img alt="{escape(path.stem)}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"></p>'


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

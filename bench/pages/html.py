"""One self-contained HTML page of a results folder: no network, no script; legible on a phone and on paper."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1c1c28; }
body { max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; } nav a { margin-right: .8rem; white-space: nowrap; }
table { display: block; overflow-x: auto; border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
td, th { border: 1px solid #ddd; padding: .25rem .45rem; text-align: left; } td:first-child, td.n { white-space: nowrap; }
img { max-width: 100%; height: auto; } code { background: #f1f1f5; padding: 0 .2em; }
@media (max-width: 40rem) { body { padding: .6rem; } table { font-size: .72rem; } }
@media print { nav { display: none; } h2 { break-before: page; } table { overflow: visible; }
  table { font-size: 6.5pt; } tr { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """One page of the report: its name, its Markdown, its pictures as PNG by name."""

    name: str
    markdown: str
    pictures: dict[str, bytes] = field(default_factory=dict)


def page(title: str, sentences: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole file; the sentences come first."""
    links = " ".join(f'<a href="#{_anchor(section.name)}">{escape(section.name)}</a>' for section in sections)
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) or "<li>No table was measured here yet.</li>"
    body = "".join(map(_section, sections))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1><nav>{links}</nav>"
        f"<h2>What it says</h2><ul>{said}</ul>{body}</body></html>\n"
    )


def _section(section: Section) -> str:
    """Its headings go below the section's own; raw HTML in the Markdown is shown as text.

    A picture stands where the Markdown has it, else on top; one that the section does not hold is left out.
    """
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens, placed = renderer.parse(section.markdown), set()
    for token in tokens:
        for image in (child for child in token.children or () if child.type == "image"):
            name = str(image.attrs["src"])
            placed.add(name)
            image.attrSet("src", _data(section.pictures[name]) if name in section.pictures else "")
        token.children = [child for child in token.children or () if child.type != "image" or child.attrs["src"]] or None
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 2, 6)}"
        if token.type in ("table_open", "table_close"):
            token.attrSet("class", "wide")
    shown = "".join(_picture(name, picture) for name, picture in section.pictures.items() if name not in placed)
    return f'<h2 id="{_anchor(section.name)}">{escape(section.name)}</h2>{shown}{renderer.renderer.render(tokens, renderer.options, {})}'


def _picture(name: str, content: bytes) -> str:
    return f'<p><img alt="{escape(Path(name).stem)}" src="{_data(content)}"></p>'


def _data(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

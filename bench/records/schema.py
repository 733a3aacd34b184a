"""`python -m bench.records.schema > docs/rows.md`: what every kind of row holds, from its class."""

import inspect

import msgspec

from bench.records.rows import KINDS, Missing, Why

HEAD = """# Rows

A results folder holds its raw measurements in `rows.jsonl` (and `rows.jsonl.xz`, the part packed for git: `fvit rows --pack DIR`). Each line is
`{"crc": ..., "row": {"kind": ..., ...}}`. `fvit rows --csv FILE DIR` writes one tidy table; in Python, `bench.records.load(DIR)` gives a
pandas frame for each kind. Every row has the fields `campaign`, `key`, `machine` and `process`. This page is made from the classes in
`bench/records/rows.py` and `row.py`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for kind in (*KINDS, Missing):
        tag = getattr(kind.__struct_config__, "tag", None)
        parts.append(f"## {kind.__name__}" + (f", kind `{tag}`" if tag else "") + f"\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
        shared = {"campaign", "key", "machine", "process"}
        fields = [field for field in msgspec.structs.fields(kind) if field.name not in shared]
        parts.append("".join(f"- `{field.name}`: {_told(field.type)}\n" for field in fields))
    parts.append("`why` is one of: " + ", ".join(f"`{why}`" for why in Why) + ".\n")
    return "\n".join(parts)


def _told(kind: object) -> str:
    """A type as people write it."""
    text = kind.__name__ if isinstance(kind, type) and not getattr(kind, "__args__", None) else str(kind)
    return text.replace("typing.", "").replace("bench.records.rows.", "").replace("bench.records.row.", "")


if __name__ == "__main__":
    print(page(), end="")
